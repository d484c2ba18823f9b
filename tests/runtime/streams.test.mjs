import assert from 'node:assert/strict'
import { Duplex, PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CANCEL, CHUNK, CREDIT, END, ERROR, LEAST_COST, RESULT, RICH, STREAM, WINDOW, textFrame } from '../../src/js_host/runtime/frames.mjs'
import { isStream } from '../../src/js_host/runtime/streams.mjs'
import { LIMIT, call, serve as serveFunctions, until } from './client.mjs'

/** What became of the streams of a test. */
const seen = { taken: 0, closed: 0, signal: null, stream: null }
const release = []

function * counting (n) {
  try {
    for (let i = 0; i < n; i++) { seen.taken++; yield i }
  } finally { seen.closed++ }
}
const chunks = ['one', Buffer.from('two'), { three: 3 }, null, [5]]
const functions = {
  counting,
  echo: (data) => data,
  generator: function * () { yield * chunks },
  asyncGenerator: async function * () { for (const chunk of chunks) { await null; yield chunk } },
  iterator: () => chunks.values(),
  iterable: () => ({ async * [Symbol.asyncIterator] () { yield * chunks } }),
  promised: async () => chunks.values(),
  promises: function * () { for (const chunk of chunks) yield Promise.resolve(chunk) },
  readable: () => Readable.from(chunks.filter((chunk) => chunk !== null), { objectMode: true }),
  web: () => new ReadableStream({ start (control) { for (const chunk of chunks) control.enqueue(chunk); control.close() } }),
  callback: function (data, cb) { cb(null, chunks.values()) },
  lateCallback: function (data, cb) { setImmediate(cb, null, chunks.values()) },
  empty: function * () {},
  fails: async function * () { yield 1; await null; throw Object.assign(new RangeError('midway'), { code: 'E' }) },
  unsupported: function * () { try { yield 1; yield { a: () => {} }; yield 2 } finally { seen.closed++ } },
  tooLarge: function * () { try { yield 1; yield 'x'.repeat(LIMIT) } finally { seen.closed++ } },
  brokenOpen: () => ({ [Symbol.asyncIterator] () { throw new TypeError('no iterator') } }),
  erredReadable: () => { const stream = new PassThrough(); stream.destroy(new Error('torn')); return stream },
  stuck: async function * (data, context = null) {
    seen.signal = context.signal
    yield 'first'
    await new Promise((resolve) => release.push(resolve))
  },
  polite: async function * (data, context = null) {
    seen.signal = context.signal
    try { for (let i = 0; ; i++) { seen.taken++; yield i; await sleep(1, null, { signal: context.signal }) } } finally { seen.closed++ }
  },
  openReadable: () => (seen.stream = new Duplex({ read () { this.once('go', () => this.push('x')); if (!this.said) { this.said = true; this.push('first') } } })),
  openWeb: () => new ReadableStream({ start (control) { control.enqueue('first') }, cancel (reason) { seen.closed++; seen.signal = reason } }),
  big: function * (n) { for (let i = 0; i < n; i++) { seen.taken++; yield Buffer.alloc(65536, i) } },
  huge: function * (n) { for (let i = 0; i < n; i++) { seen.taken++; yield Buffer.alloc(2 * LEAST_COST, i) } },
  slowly: async function * (n) { for (let i = 0; i < n; i++) { await sleep(30); yield i } },
  neverWaits: function * () { try { for (;;) yield new Promise((resolve) => resolve(1)) } finally { seen.closed++ } },
  laterStream: async () => { await new Promise((resolve) => release.push(resolve)); return counting(5) }
}
const serve = (t, options) => { Object.assign(seen, { taken: 0, closed: 0, signal: null, stream: null }); return serveFunctions(t, functions, options) }
const stream = (id, name, data = null, options = {}) => call(id, name, data, { flags: STREAM, ...options })
const credit = (id, bytes) => { const frame = textFrame(id, CREDIT, '', bytes); return frame }

/** The frames of a stream up to its end, with credit given back for each part. */
async function readAll (client, id = 1) {
  const frames = []
  while (true) {
    const frame = await client.next()
    assert.equal(frame.id, id)
    frames.push(frame)
    if (frame.kind !== CHUNK) return frames
    client.send(credit(id, Math.max(frame.length, LEAST_COST)))
  }
}
const kinds = (frames) => frames.map(({ kind }) => kind)
/** Nothing of any call is left in the worker. */
const isEmpty = (worker) => worker.waiting.size === 0 && [...worker.connections].every(({ calls }) => calls.open.size === 0)

for (const name of ['generator', 'asyncGenerator', 'iterator', 'iterable', 'promised', 'promises', 'readable', 'web', 'callback', 'lateCallback']) {
  test(`the parts of a stream from "${name}" come one by one, texts, bytes and values, and then its end`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect()
    client.send(stream(1, name))
    const frames = await readAll(client)
    const wanted = name === 'readable' ? chunks.filter((chunk) => chunk !== null) : chunks
    assert.deepEqual(kinds(frames), [...wanted.map(() => CHUNK), END])
    const found = frames.slice(0, -1).map((frame) => frame.flags & RICH ? frame.attachments[0] : frame.value)
    assert.deepEqual(found, wanted)
    assert.ok(isEmpty(worker))
  })
}

test('a stream without parts is its end', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(stream(1, 'empty'))
  assert.deepEqual(kinds(await readAll(client)), [END])
})

test('a result that is no stream comes as one result, also where a stream was asked for', async (t) => {
  const client = await (await serve(t)).connect()
  for (const data of [[1, 2], { next: 1 }, 'text', null]) {
    client.send(stream(1, 'echo', data))
    const frame = await client.next()
    assert.deepEqual([frame.kind, frame.value], [RESULT, data])
  }
})

for (const name of ['counting', 'web', 'readable', 'iterable', 'promised']) {
  test(`"${name}", called without streaming, is an error that says how to call it, and its stream is closed`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect()
    const { kind, value } = await client.ask(name)
    assert.deepEqual([kind, value.type, value.maybeExecuted], [ERROR, 'bad-value', true])
    assert.match(value.message, /returned a stream: call it with `\.stream\(\.\.\.\)`/)
    assert.equal((await client.ask('echo', 1)).value, 1)
    assert.ok(isEmpty(worker))
  })
}

test('an error in mid-stream arrives as one, after the parts before it', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  client.send(stream(1, 'fails'))
  const frames = await readAll(client)
  assert.deepEqual(kinds(frames), [CHUNK, ERROR])
  const { type, name, message, fields } = frames[1].value
  assert.deepEqual([type, name, message, fields], ['error', 'RangeError', 'midway', { code: 'E' }])
  assert.ok(isEmpty(worker))
})

for (const [name, type, kindsWanted] of [['unsupported', 'bad-value', [CHUNK, ERROR]], ['tooLarge', 'too-large', [CHUNK, ERROR]],
  ['brokenOpen', 'error', [ERROR]], ['erredReadable', 'error', [ERROR]]]) {
  test(`a stream that is ${name} ends with an error, and the connection goes on`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect()
    client.send(stream(1, name))
    const frames = await readAll(client)
    assert.deepEqual([kinds(frames), frames.at(-1).value.type], [kindsWanted, type])
    if (kindsWanted.length === 2) assert.equal(seen.closed, 1)
    assert.equal((await client.ask('echo', 1)).value, 1)
    assert.ok(isEmpty(worker))
  })
}

test('no more is taken from a stream than there is credit for: a small part counts for 64 KB, a large one for its size', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  client.send(stream(1, 'counting', 1000), stream(2, 'echo', 0))
  await until(() => client.frames.length === WINDOW / LEAST_COST + 1)
  await sleep(20)
  assert.equal(seen.taken, WINDOW / LEAST_COST)
  client.send(credit(1, 3 * LEAST_COST))
  await until(() => seen.taken === WINDOW / LEAST_COST + 3)
  client.send(textFrame(1, CANCEL, ''))
  await until(() => isEmpty(worker))
  seen.taken = 0
  client.send(stream(3, 'huge', 100))
  await until(() => seen.taken === 16)
  await sleep(20)
  assert.equal(seen.taken, 16)
})

test('credit for a call that has ended, or that never was, is dropped', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(credit(9, 1000), credit(0, 1))
  assert.equal((await client.ask('echo', 1)).value, 1)
  client.send(credit(1, 1000))
  assert.equal((await client.ask('echo', 2)).value, 2)
})

test('the parts that are ready in one turn come in one write', async (t) => {
  const client = await (await serve(t)).connect()
  const before = client.chunks
  client.send(stream(1, 'asyncGenerator'))
  await until(() => client.frames.length === chunks.length + 1)
  assert.ok(client.chunks - before <= 2, `${client.chunks - before} writes`)
})

for (const [title, end] of [
  ['cancelled', (client) => client.send(textFrame(1, CANCEL, ''))],
  ['of a client that has gone', (client) => client.socket.destroy()]
]) {
  test(`a stream that is ${title} fires its signal and is closed`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect()
    client.send(stream(1, 'polite'))
    await client.next()
    end(client)
    await until(() => seen.signal.aborted)
    assert.equal(seen.signal.reason.name, 'AbortError')
    assert.ok(isEmpty(worker))
    await until(() => seen.closed === 1)
    assert.equal(worker.host.counters.abandoned, 0)
  })

  test(`a generator that is ${title} while it waits for credit is closed at once`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect()
    client.send(stream(1, 'counting', 1e9))
    await until(() => client.frames.length === WINDOW / LEAST_COST)
    end(client)
    await until(() => isEmpty(worker))
    assert.deepEqual([seen.closed, seen.taken], [1, WINDOW / LEAST_COST])
  })

  test(`a generator that is ${title} and waits for ever leaves nothing in the worker`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect()
    client.send(stream(1, 'stuck'))
    await client.next()
    end(client)
    await until(() => seen.signal.aborted)
    assert.ok(isEmpty(worker))
  })

  test(`a Node stream that is ${title} is destroyed, also while it waits for data`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect()
    client.send(stream(1, 'openReadable'))
    await client.next()
    end(client)
    await until(() => seen.stream.destroyed)
    assert.ok(isEmpty(worker))
  })

  test(`a web stream that is ${title} is cancelled, also while it waits for data`, async (t) => {
    const { connect, worker } = await serve(t)
    const client = await connect()
    client.send(stream(1, 'openWeb'))
    await client.next()
    end(client)
    await until(() => seen.closed === 1)
    assert.equal(seen.signal.name, 'AbortError')
    assert.ok(isEmpty(worker))
  })
}

test('a stream that comes when its call was cancelled is closed', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  release.length = 0
  client.send(stream(1, 'laterStream'))
  await until(() => release.length === 1)
  client.send(textFrame(1, CANCEL, ''))
  await until(() => isEmpty(worker))
  release[0]()
  assert.equal((await client.ask('echo', 1)).value, 1)
  assert.deepEqual([seen.taken, client.frames.length], [0, 0])
})

test('each part has the whole time again: a stream may take longer than the deadline of one call', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(stream(1, 'slowly', 25, { deadline: 600 }))
  assert.deepEqual(kinds(await readAll(client)), [...Array(25).fill(CHUNK), END])
})

test('a part that does not come in time ends the stream, and says so', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  client.send(stream(1, 'stuck', null, { deadline: 30 }))
  const frames = await readAll(client)
  assert.deepEqual([kinds(frames), frames[1].value.type], [[CHUNK, ERROR], 'timeout'])
  assert.match(frames[1].value.message, /further part of its stream/)
  assert.equal(seen.signal.reason.name, 'TimeoutError')
  assert.ok(isEmpty(worker))
})

test('the time in which a reader takes nothing does not count', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(stream(1, 'counting', 40, { deadline: 200 }))
  await until(() => client.frames.length === WINDOW / LEAST_COST)
  await sleep(400)
  client.send(credit(1, WINDOW))
  await until(() => client.frames.length === 41)
  assert.equal(client.frames.at(-1).kind, END)
})

test('after it waited for credit, a part has a deadline again', async (t) => {
  const client = await (await serve(t)).connect()
  const stuckLater = async function * () { for (let i = 0; i < 33; i++) yield i; await new Promise(() => {}) }
  functions.stuckLater = stuckLater
  t.after(() => { delete functions.stuckLater })
  const other = await (await serve(t)).connect()
  other.send(stream(1, 'stuckLater', null, { deadline: 30 }))
  await until(() => other.frames.length === 32)
  await sleep(60)
  other.send(credit(1, WINDOW))
  await until(() => other.frames.length === 34)
  assert.equal(other.frames.at(-1).value.type, 'timeout')
  client.socket.destroy()
})

test('a stream whose parts are always ready lets other calls pass', async (t) => {
  const { connect } = await serve(t)
  const [client, other] = [await connect(), await connect()]
  client.send(stream(1, 'neverWaits'), credit(1, 2 ** 32 - 1), credit(1, 2 ** 32 - 1))
  for (let i = 0; i < 20; i++) assert.equal((await other.ask('echo', i)).value, i)
  client.send(textFrame(1, CANCEL, ''))
  await until(() => seen.closed === 1)
})

test('two streams and a call share a connection', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(stream(1, 'slowly', 3), stream(2, 'slowly', 3), call(3, 'echo', 'x'))
  await until(() => client.frames.length === 9)
  for (const id of [1, 2]) assert.deepEqual(kinds(client.frames.filter((frame) => frame.id === id)), [CHUNK, CHUNK, CHUNK, END])
  assert.equal(client.frames[0].id, 3)
})

test('cancelling one stream leaves the other', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(stream(1, 'slowly', 3), stream(2, 'slowly', 3), textFrame(1, CANCEL, ''))
  await until(() => client.frames.some(({ kind }) => kind === END))
  assert.deepEqual(client.frames.map(({ id }) => id), [2, 2, 2, 2])
})

test('a draining worker waits for the end of a stream', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  let idle = 0
  client.send(stream(1, 'slowly', 4))
  await until(() => worker.waiting.size === 1)
  worker.drain(() => { idle++ })
  await until(() => client.frames.at(-1)?.kind === END)
  assert.deepEqual([worker.waiting.size, client.frames.length], [0, 6])
  client.socket.destroy()
  await until(() => idle === 1)
})

test('a slow reader of a large stream costs no memory, and every byte arrives in order', async (t) => {
  const { connect, worker } = await serve(t)
  const client = await connect()
  client.send(stream(1, 'big', 2000))
  let most = 0
  for (let i = 0; i < 2000; i++) {
    const { attachments: [part], length } = await client.next()
    assert.ok(part.length === 65536 && part[0] === i % 256 && part[65535] === i % 256)
    most = Math.max(most, [...worker.connections][0].socket.writableLength)
    client.send(credit(1, length))
  }
  assert.equal((await client.next()).kind, END)
  assert.ok(most <= 2 * WINDOW + 65536, `${most} bytes waited`)     // what of one write has left counts until all of it has
})

test('what is read once is a stream, and nothing else', () => {
  const streams = [counting(1), [1].values(), new Map().keys(), Readable.from([]), new ReadableStream(), { next () {}, [Symbol.iterator] () { return this } }]
  const values = [null, undefined, 1, 'x', [1], new Set(), new Map(), Buffer.alloc(1), { next: 1 }, { next () {} },
    { get [Symbol.asyncIterator] () { throw new Error('trap') } }]
  assert.deepEqual([streams.map(isStream), values.map(isStream)], [streams.map(() => true), values.map(() => false)])
})
