import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createHttpServer, drainHttpServer } from '../../src/js_host/runtime/http.mjs'
import { Worker } from '../../src/js_host/runtime/worker.mjs'
import { directory, hostOf } from './helper.mjs'

const signals = []
const worker = new Worker(await hostOf({
  requestDataLimit: 1000,
  allowedHosts: ['js-host.internal'],
  functions: {
    echo: (data) => data,
    later: async (data) => data,
    bytes: () => new Uint8Array([1, 2, 255]),
    fails: () => { throw new TypeError('it fails') },
    rejects: async () => { throw new TypeError('it rejects') },
    circular: () => { const a = {}; a.a = a; return a },
    stream: async function * () { yield 1 },
    callback: (data, cb) => { setImmediate(cb, null, data) },
    hangs: (data, { signal } = {}) => new Promise(() => { signals.push(signal) }),
    'a/b ü': () => 'odd'
  }
}))
const { host } = worker

const upgrades = []
const server = createHttpServer(worker, { onUpgrade: (req, socket) => { upgrades.push(req.headers.upgrade); socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n') } })
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address()
after(() => server.close())

/** One request on a connection of its own. */
function ask (method, path, { headers = {}, body, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const req = http.request({ port, host: '127.0.0.1', agent: false, method, path, headers, ...options }, async (res) => {
      const chunks = await res.toArray()
      const bytes = Buffer.concat(chunks)
      resolve({ status: res.statusCode, type: res.headers['content-type'], headers: res.headers, bytes, text: bytes.toString() })
    })
    req.on('error', reject)
    if (typeof body?.pipe === 'function') body.pipe(req)
    else req.end(body)
  })
}

const JSON_HEADERS = { 'content-type': 'application/json' }
const call = (name, data, headers = {}) => ask('POST', `/function/${name}`, { headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(data) })

/** Sends bytes as they are; gives all that comes back until the other side closes. */
async function raw (text) {
  const socket = net.connect(port, '127.0.0.1')
  socket.end(text)
  return Buffer.concat(await socket.toArray()).toString()
}

test('GET /status answers with the status', async () => {
  const { status, type, text } = await ask('GET', '/status')
  assert.deepEqual([status, type], [200, 'application/json'])
  assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(host.status())))
})

test('GET /health says ok', async () => {
  const { status, type, text } = await ask('GET', '/health')
  assert.deepEqual([status, type, text], [200, 'application/json', '{"status":"ok"}'])
})

test('text comes back as text', async () => {
  const { status, type, text } = await call('echo', 'Grüße 😀')
  assert.deepEqual([status, type, text], [200, 'text/plain; charset=utf-8', 'Grüße 😀'])
})

for (const value of [0, 1.5, false, null, [], { a: [1, 'ü'] }]) {
  test(`${JSON.stringify(value)} comes back as JSON`, async () => {
    const { status, type, text } = await call('echo', value)
    assert.deepEqual([status, type, text], [200, 'application/json', JSON.stringify(value)])
  })
}

test('empty text is a result', async () => {
  const { status, text } = await call('echo', '')
  assert.deepEqual([status, text], [200, ''])
})

test('bytes come back as bytes', async () => {
  const { type, bytes } = await call('bytes', {})
  assert.deepEqual([type, [...bytes]], ['application/octet-stream', [1, 2, 255]])
})

test('promises and callbacks are waited for', async () => {
  assert.equal((await call('later', 5)).text, '5')
  assert.equal((await call('callback', 6)).text, '6')
})

test('an empty body is an empty object', async () => {
  assert.equal((await ask('POST', '/function/echo', { headers: JSON_HEADERS })).text, '{}')
})

test('the query, where the original put a hash, is not looked at', async () => {
  assert.equal((await call('echo?hash=abc', 'x')).text, 'x')
})

test('names are percent-decoded', async () => {
  assert.equal((await call('a%2Fb%20%C3%BC', {})).text, 'odd')
  assert.equal((await call('%E0%A4%A', {})).status, 400)
})

for (const name of ['nope', '__proto__', 'constructor', 'toString', 'a.__proto__.b', 'hasOwnProperty', '']) {
  test(`"${name}" is no function of the host`, async () => {
    const { status, type, text } = await call(name, {})
    assert.deepEqual([status, type, text], [404, 'text/plain; charset=utf-8', `Not found. Unknown function "${name}"`])
  })
}

test('other paths are not found, and told what there is', async () => {
  const { status, text } = await ask('GET', '/favicon.ico')
  assert.equal(status, 404)
  assert.match(text, /POST \/function\/<name>/)
})

for (const [method, path, allowed] of [['GET', '/function/echo', 'POST'], ['PUT', '/function/echo', 'POST'], ['POST', '/status', 'GET, HEAD'], ['DELETE', '/health', 'GET, HEAD']]) {
  test(`${method} ${path} is not allowed`, async () => {
    const { status, headers } = await ask(method, path)
    assert.deepEqual([status, headers.allow], [405, allowed])
  })
}

for (const name of ['fails', 'rejects']) {
  test(`a function that ${name} answers 500 with the stack`, async () => {
    const { status, type, text } = await call(name, {})
    assert.deepEqual([status, type], [500, 'text/plain; charset=utf-8'])
    assert.match(text, new RegExp(`^TypeError: it ${name}\n +at .*http\\.test`, 's'))
  })
}

test('a result that JSON can not say is an error of the call', async () => {
  assert.match((await call('circular', {})).text, /circular structure/)
  assert.match((await call('stream', {})).text, /"stream" returned a stream/)
})

for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'multipart/form-data']) {
  test(`a body of the type ${type} is refused`, async () => {
    const { status, text } = await ask('POST', '/function/echo', { headers: type ? { 'content-type': type } : {}, body: '{}' })
    assert.equal(status, 415)
    assert.match(text, /Content-Type: application\/json/)
  })

  test(`a call without a body, of the type ${type}, is refused`, async () => {
    assert.equal((await ask('POST', '/function/echo', { headers: type ? { 'content-type': type } : {} })).status, 415)
  })
}

test('the content type may name its charset and be written in capitals', async () => {
  assert.equal((await ask('POST', '/function/echo', { headers: { 'content-type': 'Application/JSON; charset=UTF-8' }, body: '1' })).text, '1')
})

for (const body of ['{', 'undefined', '{"a":1}}', 'NaN', Buffer.from([0x22, 0xff, 0x22])]) {
  test(`the body ${String(body)} is no JSON`, async () => {
    const { status, text } = await ask('POST', '/function/echo', { headers: JSON_HEADERS, body })
    assert.equal(status, 400)
    assert.match(text, /^The body is not JSON: /)
  })
}

test('__proto__ in the data is data', async () => {
  const { text } = await ask('POST', '/function/echo', { headers: JSON_HEADERS, body: '{"__proto__":{"polluted":1}}' })
  assert.equal(text, '{"__proto__":{"polluted":1}}')
  assert.equal({}.polluted, undefined)
})

test('a body up to the limit passes, one byte more does not, and the connection is closed', async () => {
  const text = (size) => 'x'.repeat(size - 2)
  assert.equal((await call('echo', text(1000))).status, 200)
  const { status, headers } = await call('echo', text(1001))
  assert.deepEqual([status, headers.connection], [413, 'close'])
})

test('a body that does not tell its length is counted', async () => {
  const { Readable } = await import('node:stream')
  const body = Readable.from(['"', 'x'.repeat(600), 'x'.repeat(600), '"'])
  const { status, text } = await ask('POST', '/function/echo', { headers: JSON_HEADERS, body })
  assert.equal(status, 413)
  assert.match(text, /requestDataLimit is 1000 bytes/)
})

test('a caller that writes far more than the limit still reads the answer', async () => {
  assert.equal((await call('echo', 'x'.repeat(8_000_000))).status, 413)
})

test('a caller that asks before it sends is told at once', async () => {
  const answer = await raw(`POST /function/echo HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n`)
  assert.match(answer, /^HTTP\/1\.1 413 .*connection: close/is)
  assert.doesNotMatch(answer, /100 Continue/)
})

test('a caller that asks before it sends may go on', async () => {
  const req = http.request({ port, host: '127.0.0.1', agent: false, method: 'POST', path: '/function/echo', headers: { ...JSON_HEADERS, expect: '100-continue', 'content-length': 1 } })
  req.flushHeaders()
  await once(req, 'continue')
  req.end('7')
  const [res] = await once(req, 'response')
  assert.equal(Buffer.concat(await res.toArray()).toString(), '7')
})

for (const headers of [{ origin: 'http://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-origin' }]) {
  test(`a web page is refused: ${JSON.stringify(headers)}`, async () => {
    assert.equal((await call('echo', 1, headers)).status, 403)
    assert.equal((await ask('GET', '/status', { headers })).status, 403)
  })
}

for (const name of ['evil.example', `evil.example:${port}`, `localhost.evil.example:${port}`, `127.0.0.1.nip.io:${port}`, `localhost6:${port}`, 'localhost', '127.0.0.1', 'localhost:1', `10.1.2.3:${port}`, '[::1', `user@localhost:${port}`]) {
  test(`a request for the host "${name.replace(port, 'PORT')}" is refused`, async () => {
    const { status, text } = await ask('GET', '/status', { headers: { host: name } })
    assert.equal(status, 403)
    assert.ok(text.includes(`127.0.0.1:${port}`), text)
    assert.match(text, /allowedHosts/)
  })
}

for (const name of ['', `localhost:${port}`, `LOCALHOST:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, 'js-host.internal:80', 'js-host.internal']) {
  test(`a request for the host "${name.replace(port, 'PORT')}" is served`, async () => {
    assert.equal((await ask('GET', '/status', { headers: { host: name } })).status, 200)
  })
}

test('whether the host is there may be asked by any name', async () => {
  assert.equal((await ask('GET', '/health', { headers: { host: 'pod.internal' } })).status, 200)
})

test('on a Unix socket any host name will do, but web pages will not', async (t) => {
  const other = createHttpServer(worker)
  const socketPath = join(directory(t), 's')
  other.listen(socketPath)
  await once(other, 'listening')
  t.after(() => other.close())
  assert.equal((await ask('GET', '/status', { socketPath, headers: { host: 'anything' } })).status, 200)
  assert.equal((await ask('GET', '/status', { socketPath, headers: { origin: 'http://evil.example' } })).status, 403)
})

test('connections that are handed over are served as those that were accepted', async (t) => {
  const inner = createHttpServer(worker)
  const outer = net.createServer((socket) => { inner.emit('connection', socket) }).listen(0, '127.0.0.1')
  await once(outer, 'listening')
  t.after(() => outer.close())
  const { status, headers } = await ask('GET', '/health', { port: outer.address().port, agent: undefined })
  assert.deepEqual([status, headers.connection], [200, 'keep-alive'])
  await drainHttpServer(inner)
})

test('a caller that goes away aborts its call', async () => {
  const req = http.request({ port, host: '127.0.0.1', agent: false, method: 'POST', path: '/function/hangs', headers: JSON_HEADERS }).end()
  req.on('error', () => {})
  while (signals.length === 0) await new Promise(setImmediate)
  const aborted = once(signals[0], 'abort')
  req.destroy()
  await aborted
  assert.match(signals[0].reason.message, /caller closed the connection/)
})

test('before its time to stop is over, the signals of the calls fire, and they may still answer', async (t) => {
  const other = createHttpServer(new Worker(await hostOf({ functions: { honours () { return new Promise((resolve) => this.signal.addEventListener('abort', () => resolve(this.signal.reason.message))) } } })))
  await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve))
  const agent = new http.Agent()
  t.after(() => agent.destroy())
  const arrived = once(other, 'request')
  const running = ask('POST', '/function/honours', { port: other.address().port, agent, headers: JSON_HEADERS })
  await arrived
  const drained = drainHttpServer(other, 50)
  assert.equal((await running).text, 'The worker is stopping, and the time for its calls is nearly over.')
  await drained
})

test('only js-host/1 is an upgrade, and never for a web page', async () => {
  const ask = (headers, name = `127.0.0.1:${port}`) => raw(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: Upgrade\r\n${headers}\r\n\r\n`)
  assert.match(await ask('Upgrade: js-host/1'), /^HTTP\/1\.1 101 /)
  assert.match(await ask('Upgrade: websocket'), /^HTTP\/1\.1 400 .*js-host\/1/s)
  assert.match(await ask('Upgrade: js-host/1\r\nOrigin: http://evil.example'), /^HTTP\/1\.1 403 .*Web pages/s)
  assert.match(await ask('Upgrade: js-host/1', 'evil.example'), /^HTTP\/1\.1 403 .*evil\.example/s)
  assert.deepEqual(upgrades, ['js-host/1'])
})

test('a refused upgrade is the end of its connection, whatever else comes on it', async (t) => {
  const client = net.connect({ port, host: '127.0.0.1' })
  t.after(() => client.destroy())
  const [connection] = await once(server, 'connection')
  const closed = once(connection, 'close')
  client.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  client.write('more')
  await closed
})

test('garbage gets 400 and hurts nobody', async () => {
  assert.match(await raw('\x80\x00\x01garbage\r\n\r\n'), /^HTTP\/1\.1 400 /)
  assert.equal((await ask('GET', '/health')).status, 200)
})

test('no limit ends an idle connection or a function that runs long', () => {
  assert.deepEqual([server.keepAliveTimeout, server.timeout, server.maxRequestsPerSocket ?? 0], [0, 0, 0])
  assert.deepEqual([server.headersTimeout, server.requestTimeout], [15_000, 300_000])
})

test('a server that drains finishes what runs, and ends', async () => {
  let finish
  const slow = new Worker(await hostOf({ functions: { slow: () => new Promise((resolve) => { finish = resolve }) } }))
  const other = createHttpServer(slow).listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address()
  const idle = net.connect(port, '127.0.0.1')
  const busy = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const running = ask('POST', '/function/slow', { port, agent: busy, headers: JSON_HEADERS })
  while (!finish) await new Promise(setImmediate)
  const closed = once(other, 'close')
  const drained = drainHttpServer(other)
  finish('done')
  const { status, text, headers } = await running
  assert.deepEqual([status, text, headers.connection], [200, 'done', 'close'])
  await Promise.all([drained, closed])
  busy.destroy()
  idle.destroy()
})

test('requests that wait behind another on a connection that is closed hold no drain up once they are done', async () => {
  const finish = []
  const other = createHttpServer(new Worker(await hostOf({ functions: { slow: () => new Promise((resolve) => { finish.push(resolve) }) } })))
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address()
  const client = net.connect(port, '127.0.0.1')
  const [connection] = await once(other, 'connection')
  client.write(`POST /function/slow HTTP/1.1\r\nContent-Type: application/json\r\nHost: localhost:${port}\r\nContent-Length: 2\r\n\r\n{}`.repeat(2))
  while (finish.length < 2) await new Promise(setImmediate)
  client.destroy()
  await once(connection, 'close')
  const drained = drainHttpServer(other)
  for (const one of finish) one()
  await drained
})

test('a server that drains serves what was under way on idle connections, each for the last time, and is not ready', async (t) => {
  const inner = createHttpServer(worker)
  const outer = net.createServer((socket) => { inner.emit('connection', socket) }).listen(0, '127.0.0.1')
  await once(outer, 'listening')
  t.after(() => outer.close())
  const connect = async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const on = (method, path) => ask(method, path, { port: outer.address().port, agent, headers: JSON_HEADERS })
    assert.equal((await on('GET', '/ready')).status, 200)
    return on
  }
  const [first, second] = [await connect(), await connect()]
  const idle = net.connect(outer.address().port, '127.0.0.1').resume()
  const closed = once(idle, 'close')
  const drained = drainHttpServer(inner)
  const [called, ready] = await Promise.all([first('POST', '/function/later'), second('GET', '/ready')])
  assert.deepEqual([called.status, called.headers.connection, ready.status], [200, 'close', 503])
  await Promise.all([drained, closed])
})
