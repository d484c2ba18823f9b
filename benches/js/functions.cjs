'use strict'
// The functions that every peer runs. No imports at load time: the same text also runs in engines that are not Node.

exports.hello = (name) => 'Hello, ' + name + '!'

exports.echo = (value) => value

// A function that does nothing but use the CPU.
exports.busy = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); }

// Parts of 64 KiB, as a file or a response of the network has them.
exports.pour = function * (count) { const part = Buffer.alloc(64 * 1024, 7); for (let i = 0; i < count; i++) yield part }

exports.echoBytes = (bytes) => bytes

// For peers that carry text only: the decode and the encode that they leave to their user.
exports.echoText = (text) => JSON.stringify(JSON.parse(text))
exports.echoBase64 = (text) => Buffer.from(text, 'base64').toString('base64')

// examples/react_ssr, bundled: loaded at the first call.
let page
const load = () => page ??= require(process.env.BENCH_PAGE)
exports.renderPage = (props) => load().renderPage(props)
exports.renderPageText = (text) => exports.renderPage(JSON.parse(text))
