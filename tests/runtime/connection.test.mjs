import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BYE, CALL, CANCEL, ERROR, HEADER_SIZE, HELLO, PATIENT, READ_SIZE, RESULT, RICH, STATUS, STREAM, richFrame, textFrame, writeHeader } from '../../src/js_host/runtime/frames.mjs'
import { LIMIT, call, serve as serveFunctions, until } from './client.mjs'

const signals = []
const releases = []
const ran = []
const functions = {
  echo: (data) => data,
  run: (data) => { ran.push(data); return data },
  later: (data) => new Promise((resolve) => setImmediate(resolve, data)),
  hangs: (data, context = null) => { signals.push(context.signal); return new Promise((resolve) => releases.push(resolve)) },
  throws: () => { throw Object.assign(new TypeError('bad'), { code: 'E' }) },
  rejects: async () => { throw new RangeError('later') },
  trap: () => ({ get then () { throw new Error('sprung') } }),
  thenable: () => ({ then (resolve) { resolve('thened'); throw new Error('ignored') } }),
  badThenable: () => ({ then () { throw new Error('no then') } }),
  fn: () => () => {},
  text: (n) => 'x'.repeat(n),
  bytes: (n) => Buffer.alloc(n),
  many: (n) => Array.from({ length: n }, () => Buffer.from('a')),
  length: (text) => text.length,
  busy: (ms) => { for (const end = performance.now() + ms; performance.now() < end;); },
  never: () => new Promise(() => {}),
  after: ({ ms, value }) => new Promise((resolve) => setTimeout(resolve, ms, value)),
  answersThenThrows: (data, cb) => { cb(null, 'first'); throw new Error('second') },
  answersThenRejects: async (data, cb) => { cb(null, 'first'); await null; throw new Error('second') },
  throwsThenAnswers: (data, cb) => { cb(new Error('first')); cb(null, 'second') },
  honours: (data, context = null) => new Promise((resolve) => context.signal.addEventListener('abort', () => resolve(context.signal.reason.message))),
  counts: async function * () { try { for (let i = 0; ; i++) { yield i; await new Promise((resolve) => setTimeout(resolve, 5)) } } finally { counted.closed = true } }
}
const counted = { closed: false }

/** Bytes in use after a collection. */
async function heapUsed () {
  setFlagsFromString('--expose-gc')
  for (let i = 0; i < 3; i++) { await new Promise(setImmediate); runInNewContext('gc')() }
  return process.memoryUsage().heapUsed
}

const serve = (t, options) => serveFunctions(t, functions, options)

test('hello says who the worker is', async (t) => {
  const { hello } = await (await serve(t)).connect()
  assert.deepEqual({ ...hello, version: '', functions: hello.functions.slice(0, 2) },
    { protocol: 1, version: '', node: process.version, pid: process.pid, limit: LIMIT, workers: 1, functions: ['echo', 'run'] })
})

const BAD = {
  'a call before hello': call(1, 'run', 'early'),
  'a hello that is no JSON': textFrame(0, HELLO, '{'),
  'a hello of another version': textFrame(0, HELLO, '{"protocol":2}'),
  garbage: Buffer.alloc(64, 0xff)
}
for (const [title, bytes] of Object.entries(BAD)) {
  test(`${title} is answered with a goodbye and the end, and nothing runs`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect(false)
    client.send(bytes, call(2, 'run', title))
    const bye = await client.next()
    assert.equal(bye.kind, BYE)
    assert.equal(JSON.parse(bye.text).reason, 'protocol')
    await client.closed
    assert.ok(!ran.includes(title))
    await until(() => worker.connections.size === 0)
  })
}

const BROKEN = {
  'a frame of an unknown kind': textFrame(1, 77, ''),
  'a second hello': textFrame(0, HELLO, '{"protocol":1}'),
  'a result from a client': textFrame(1, RESULT, '1'),
  'a frame over the limit': (() => { const header = Buffer.alloc(HEADER_SIZE); writeHeader(header, LIMIT + 1, 1, CALL); return header })(),
  'a name longer than its frame': (() => { const frame = call(1, 'echo', 1); frame.writeUInt16LE(500, 10); return frame })(),
  'a rich frame without a table': (() => { const frame = call(1, 'echo', 1); frame[9] = RICH; return frame })(),
  'a text that is no UTF-8': (() => { const frame = call(1, 'echo', 'xx'); frame[frame.length - 2] = 0xff; return frame })(),
  'a call under the id 0': call(0, 'echo', 1),
  'a call under an id in use': Buffer.concat([call(7, 'hangs', 1), call(7, 'echo', 1)])
}
for (const [title, bytes] of Object.entries(BROKEN)) {
  test(`${title} ends this connection and no other`, async (t) => {
    const { connect, worker } = await serve(t)
    const [client, other] = [await connect(), await connect()]
    client.send(bytes, call(9, 'run', title))
    const bye = await client.next()
    assert.deepEqual([bye.kind, JSON.parse(bye.text).reason], [BYE, 'protocol'])
    client.send(call(10, 'run', title))
    await client.closed
    assert.equal((await other.ask('echo', 5)).value, 5)
    assert.ok(!ran.includes(title))
    await until(() => worker.connections.size === 1)
    assert.equal(worker.waiting.size, 0)
  })
}

for (const size of [1, 3, 17, READ_SIZE]) {
  test(`calls that arrive in pieces of ${size} bytes are answered`, async (t) => {
    const client = await (await serve(t)).connect()
    const stream = Buffer.concat([1, 2, 3].map((id) => call(id, 'echo', { id, text: 'ü'.repeat(20) })))
    for (let at = 0; at < stream.length; at += size) {
      client.socket.write(stream.subarray(at, at + size))
      if (size > 1 || at % 8 === 0) await new Promise(setImmediate)
    }
    for (const id of [1, 2, 3]) assert.equal(JSON.parse((await client.next()).text).id, id)
  })
}

test('the answers to many calls at once come in one write, unless the calls take longer than 1 ms, as on a busy machine', async (t) => {
  const client = await (await serve(t)).connect()
  for (let first = 1, before = -1; client.chunks !== before + 1 && first < 2000; first += 100) {
    before = client.chunks
    client.send(...Array.from({ length: 100 }, (_, i) => call(first + i, 'echo', i)))
    for (let i = 0; i < 100; i++) assert.equal((await client.next()).text, String(i))
    if (first > 1800) assert.equal(client.chunks, before + 1)
  }
})

test('a call that waits lets later ones pass', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(call(1, 'later', 'a'), call(2, 'echo', 'b'))
  assert.deepEqual([(await client.next()).id, (await client.next()).id], [2, 1])
})

const ENDINGS = [
  ['throws', 'TypeError', 'bad', 'error'],
  ['rejects', 'RangeError', 'later', 'error'],
  ['trap', 'Error', 'sprung', 'error'],
  ['badThenable', 'Error', 'no then', 'error'],
  ['fn', 'TypeError', 'result is a function', 'bad-value']
]
for (const [name, error, message, type] of ENDINGS) {
  test(`a function that ${name} gives an error, and the connection goes on`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect()
    const { kind, value } = await client.ask(name)
    assert.equal(kind, ERROR)
    assert.deepEqual([value.name === error || type === 'bad-value', value.type, value.maybeExecuted], [true, type, true])
    assert.ok(value.message.startsWith(message), value.message)
    assert.equal((await client.ask('echo', 1)).value, 1)
    assert.deepEqual([worker.waiting.size, worker.running], [0, null])
  })
}

test('a thenable is awaited', async (t) => {
  assert.equal((await (await (await serve(t)).connect()).ask('thenable')).value, 'thened')
})

test('an unknown function, data that is no JSON and a tag that is none are errors before anything runs', async (t) => {
  const client = await (await serve(t)).connect()
  for (const name of ['nope', '__proto__', 'constructor', 'toString', '']) {
    const { value } = await client.ask(name, 1)
    assert.deepEqual([value.type, value.maybeExecuted], ['unknown-function', false])
  }
  for (const text of ['', '{', 'NaN', '[1]]']) {
    const { value } = await client.ask('run', null, { text })
    assert.deepEqual([value.type, value.maybeExecuted], ['bad-value', false])
  }
})

test('a result of the limit is sent, and one more byte is an error that leaves the connection', async (t) => {
  const client = await (await serve(t)).connect()
  for (const [name, size] of [['text', LIMIT - 8 - 16], ['bytes', LIMIT - 8 - 17]]) {
    client.send(call(2, name, size))
    assert.equal((await client.next()).length, LIMIT)
    const { value } = await client.ask(name, size + 1)
    assert.deepEqual([value.type, value.maybeExecuted], ['too-large', true])
  }
  assert.equal((await client.ask('echo', 1)).value, 1)
})

test('very many attachments are one result', async (t) => {
  const { connect, worker } = await serve(t)
  worker.limit = 2 ** 31
  const client = await connect()
  client.send(call(1, 'many', 200_000))
  assert.equal((await client.next()).flags, RICH)
})

test('a rich call has its attachments, and they outlive the buffer', async (t) => {
  const client = await (await serve(t)).connect()
  const [head, part] = richFrame(5, CALL, 'X{"$":["bytes",0]}', [Buffer.from('abc')])
  const frame = Buffer.concat([head.subarray(0, 16), Buffer.from('echo'), head.subarray(16, 24), head.subarray(25), part])
  writeHeader(frame, frame.length - HEADER_SIZE, 5, CALL, RICH)
  frame.writeUInt16LE(4, 10)
  client.send(frame)
  const result = await client.next()
  assert.deepEqual([result.id, result.kind, result.flags], [5, RESULT, RICH])
  assert.ok(result.text.endsWith('abc'))
})

test('a cancel fires the signal, and nothing is answered', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  client.send(call(3, 'hangs', 1))
  await until(() => worker.waiting.size === 1)
  const signal = signals.at(-1)
  client.send(textFrame(3, CANCEL, ''), textFrame(99, CANCEL, ''))
  await until(() => signal.aborted)
  assert.equal(signal.reason.name, 'AbortError')
  releases.at(-1)('too late')
  assert.equal((await client.ask('echo', 'next')).value, 'next')
  assert.equal(worker.waiting.size, 0)
})

test('a client that goes aborts its calls and no others', async (t) => {
  const { connect, worker } = await serve(t)
  const [client, other] = [await connect(), await connect()]
  client.send(call(1, 'hangs', 1))
  await until(() => worker.waiting.size === 1)
  const mine = signals.at(-1)
  other.send(call(1, 'hangs', 1))
  await until(() => worker.waiting.size === 2)
  const theirs = signals.at(-1)
  client.socket.destroy()
  await until(() => mine.aborted)
  assert.deepEqual([theirs.aborted, worker.waiting.size, worker.connections.size], [false, 1, 1])
})

test('a deadline ends a call that waits, and fires its signal', async (t) => {
  const client = await (await serve(t)).connect()
  const { value } = await client.ask('hangs', 1, { deadline: 20 })
  assert.deepEqual([value.type, value.maybeExecuted], ['timeout', true])
  assert.equal(signals.at(-1).reason.name, 'TimeoutError')
})

test('STATUS answers what the host says of itself', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(textFrame(8, STATUS, ''))
  const { id, kind, text } = await client.next()
  assert.deepEqual([id, kind, JSON.parse(text).type], [8, RESULT, 'Host'])
})

test('a draining worker says so, finishes what runs, takes nothing more and is idle once its answers have left', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  let idle = 0
  client.send(call(1, 'hangs', 1))
  await until(() => worker.waiting.size === 1)
  worker.drain(() => { idle++ })
  assert.equal(JSON.parse((await client.next()).text).reason, 'draining')
  client.send(call(2, 'echo', 1))
  assert.equal(JSON.parse((await client.next()).text).type, 'stopping')
  client.socket.pause()
  releases.at(-1)('x'.repeat(LIMIT - 24))
  await until(() => worker.waiting.size === 0)
  client.socket.resume()
  assert.equal((await client.next()).length, LIMIT)
  await until(() => idle > 0)
})

test('a patient call has its whole time from the moment it starts, and another one from its arrival', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(call(1, 'busy', 500), call(2, 'later', 'in time', { deadline: 400, flags: PATIENT }), call(3, 'run', 'too late', { deadline: 400 }))
  const frames = [await client.next(), await client.next(), await client.next()]
  const of = Object.fromEntries(frames.map((frame) => [frame.id, frame]))
  assert.deepEqual([of[2].kind, of[2].value], [RESULT, 'in time'])
  assert.deepEqual([of[3].kind, of[3].value.type, of[3].value.maybeExecuted], [ERROR, 'timeout', false])
  assert.ok(!ran.includes('too late'))
})

test('a patient call that waits ends at its deadline', async (t) => {
  const client = await (await serve(t)).connect()
  assert.equal((await client.ask('hangs', 1, { deadline: 20, flags: PATIENT })).value.type, 'timeout')
})

test('ten thousand promises that never settle leave nothing behind but a number', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  client.send(...Array.from({ length: 10_000 }, (_, i) => call(i + 1, 'never', i, { deadline: 400 })))
  for (let i = 0; i < 10_000; i++) assert.equal((await client.next()).value.type, 'timeout')
  assert.deepEqual([worker.waiting.size, [...worker.connections][0].calls.open.size, worker.host.counters.abandoned], [0, 0, 10_000])
  client.send(textFrame(8, STATUS, ''))
  assert.equal((await client.next()).value.counters.abandoned, 10_000)
})

test('the memory of calls that never settle is free again after their deadlines', async (t) => {
  const { connect } = await serve(t)
  const client = await connect()
  const round = async () => {
    client.send(...Array.from({ length: 10_000 }, (_, i) => call(i + 1, 'never', i, { deadline: 30 })))
    for (let i = 0; i < 10_000; i++) await client.next()
    return heapUsed()
  }
  await round()
  const before = await round()
  for (let i = 0; i < 4; i++) await round()
  const after = await round()
  assert.ok(after - before < 4e6, `${(after - before) / 1e6} MB more`)
})

test('a timed out call answers nobody later: each answer belongs to its question', async (t) => {
  const client = await (await serve(t)).connect()
  const wanted = new Map()
  for (let i = 1; i <= 500; i++) {
    const late = i % 5 === 0
    wanted.set(i, late ? 'timeout' : i)
    client.send(call(i, 'after', { ms: late ? 60 : i % 7, value: i }, { deadline: late ? 10 : 2000 }))
  }
  for (let i = 0; i < 500; i++) {
    const { id, kind, value } = await client.next()
    assert.equal(kind === ERROR ? value.type : value, wanted.get(id))
    wanted.delete(id)
  }
  assert.equal((await client.ask('after', { ms: 80, value: 'last' })).value, 'last')
  assert.equal(client.frames.length, 0)
})

test('cancelling one of two calls leaves the other, and an id is free again at once', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  client.send(call(1, 'after', { ms: 20, value: 'a' }), call(2, 'after', { ms: 20, value: 'b' }), textFrame(1, CANCEL, ''), call(1, 'after', { ms: 40, value: 'c' }))
  assert.deepEqual([(await client.next()).text, (await client.next()).text, worker.waiting.size], ['"b"', '"c"', 0])
})

test('an answer after an exception, or an exception after an answer, is one answer', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  assert.equal((await client.ask('answersThenThrows')).value, 'first')
  assert.equal((await client.ask('answersThenRejects')).value, 'first')
  assert.equal((await client.ask('throwsThenAnswers')).value.message, 'first')
  assert.equal((await client.ask('echo', 1)).value, 1)
  await until(() => worker.host.counters.lateErrors === 2 && worker.host.counters.repeatedCallbacks === 1)
  assert.equal(client.frames.length, 0)
})

test('before its time to stop is over, a worker fires the signals of its calls, and they may still answer', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  client.send(call(1, 'honours', null), call(2, 'counts', null, { flags: STREAM }))
  await until(() => worker.waiting.size === 2)
  const began = performance.now()
  worker.drain(() => {}, 100)
  const frames = []
  while (frames.length < 2) { const frame = await client.next(); if (frame.kind === RESULT || frame.kind === ERROR) frames.push(frame) }
  const took = performance.now() - began
  assert.ok(took > 80 && took < 1000, `${took} ms`)
  const [result, ended] = frames.toSorted((a, b) => a.id - b.id)
  assert.deepEqual([result.kind, result.value], [RESULT, 'The worker is stopping, and the time for its calls is nearly over.'])
  assert.deepEqual([ended.kind, ended.value.type, ended.value.name], [ERROR, 'error', 'AbortError'])
  await until(() => worker.waiting.size === 0 && counted.closed)
})

test('a client that reads nothing is not listened to before it does, and others are', async (t) => {
  const { connect, worker } = await serve(t)
  worker.limit = 2 ** 31
  const [slow, other] = [await connect(), await connect()]
  const size = 8 * 1024 * 1024
  slow.socket.pause()
  for (let i = 1; i <= 40; i++) slow.send(call(i, 'bytes', size), call(1000 + i, 'echo', 'x'.repeat(READ_SIZE)))
  const [mine] = worker.connections
  await until(() => !mine.listening)
  assert.ok(mine.socket.writableLength < 200e6, `${mine.socket.writableLength} bytes`)
  assert.equal((await other.ask('echo', 1)).value, 1)
  slow.socket.resume()
  for (let i = 0; i < 80; i++) await slow.next()
  assert.equal((await slow.ask('echo', 2)).value, 2)
})

test('both sides may write 50 MB at once', async (t) => {
  const { connect, worker } = await serve(t)
  worker.limit = 2 ** 31
  const client = await connect()
  for (const reader of worker.connections) reader.reader.limit = 2 ** 31
  client.send(call(1, 'bytes', 50e6), call(2, 'length', 'x'.repeat(50e6)))
  const frames = [await client.next(), await client.next()]
  assert.deepEqual([frames[0].length > 50e6, frames[1].value], [true, 50e6])
})

test('with spinning, calls are answered as without', async (t) => {
  const { connect, worker } = await serve(t, { spin: 2000 })
  const client = await connect()
  for (let i = 0; i < 200; i++) assert.equal((await client.ask('echo', i)).value, i)
  await until(() => !worker.spinner.turning)
})

after(() => { for (const release of releases) release() })

test('quick calls that came together are answered in one write, slow ones as they come', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  const [connection] = worker.connections
  const { flush } = connection
  let flushes = 0
  connection.flush = () => { flushes++; flush() }
  const flushesOf = async (ms) => {
    flushes = 0
    client.send(...[1, 2, 3, 4].map((id) => call(id, 'busy', ms)))
    for (let answers = 0; answers < 4; answers++) await client.next()
    return flushes
  }
  assert.equal(await flushesOf(5), 4)
  let least = Infinity
  for (let attempt = 0; attempt < 100 && least > 1; attempt++) least = Math.min(least, await flushesOf(0))
  assert.equal(least, 1)
})
