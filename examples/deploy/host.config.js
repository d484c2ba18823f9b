// The functions of the shop. `allowedHosts` is the name by which the proxies ask, whatever the browser has asked them for.
const greet = (data) => `Hello, ${data.name}!`

module.exports = {
  port: 9009,
  allowedHosts: ['js.internal'],
  functions: { greet },
  warmup: () => greet({ name: 'nobody' })
}
