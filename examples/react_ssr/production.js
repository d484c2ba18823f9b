// React reads NODE_ENV once, while it is imported, and renders several times slower without it.
// Imports run in order: host.config.js imports this file before React.
process.env.NODE_ENV ??= 'production'
