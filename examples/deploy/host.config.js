// The functions of the shop. `allowedHosts` is the name by which the proxies ask, whatever the browser has asked them for.
module.exports = {
  port: 9009,
  allowedHosts: ['js.internal'],
  functions: {
    greet: (data) => `Hello, ${data.name}!`
  },
  warmup: (host) => { host.functions?.greet?.({ name: 'nobody' }) }
}
