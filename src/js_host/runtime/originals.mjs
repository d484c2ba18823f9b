// What functions may replace for themselves, as it was before any of their code ran: by fake timers, by the globals of a page, by a
// `process.exit` that throws. Deadlines, answers and the end of a worker must not depend on it.

export const { clearInterval, clearTimeout, performance, setImmediate, setInterval, setTimeout } = globalThis
export const { exit, nextTick } = process
