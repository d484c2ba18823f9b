'use strict'
// For js-host 0.12 from npm: its functions take an object and give text to a callback.
const functions = require('./functions.cjs')

const asText = (value) => typeof value === 'string' ? value : JSON.stringify(value)
const adapt = (fn) => (data, cb) => cb(null, asText(fn(data.value)))

module.exports = {
  port: Number(process.env.PORT),
  requestDataLimit: '100mb',
  functions: Object.fromEntries(Object.entries(functions).map(([name, fn]) => [name, adapt(fn)]))
}
