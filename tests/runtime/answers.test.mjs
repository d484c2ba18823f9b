// What is sent of results and errors, byte by byte.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { END, STREAM } from '../../src/js_host/runtime/frames.mjs'
import { LIMIT, call, serve } from './client.mjs'

test('an error that is over the limit is told by its beginning, and the connection goes on', async (t) => {
  const page = 'x'.repeat(60_000)
  const thrown = { large: Object.assign(new TypeError('it fails'), { a: page, b: page, c: page, d: page }), long: new RangeError('\0'.repeat(60_000)) }
  const { connect } = await serve(t, { throws: (key) => { throw thrown[key] }, echo: (data) => data })
  const client = await connect()
  for (const [key, error] of Object.entries(thrown)) {
    const { value, frame } = await client.ask('throws', key)
    assert.ok(frame.length <= LIMIT, `${frame.length} bytes`)
    assert.deepEqual([value.type, value.name, value.maybeExecuted], ['error', error.name, true])
    assert.ok(value.message.startsWith(error.message.slice(0, 8)))
    assert.match(value.stack, new RegExp(`^${error.name}: `))
  }
  assert.equal((await client.ask('echo', 1)).value, 1)
})

for (const size of [4, 100_000]) {
  test(`${size} bytes are sent as they were when the function returned, though the next call changes, or takes away, their memory`, async (t) => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 3 })
    const { connect } = await serve(t, { fill: (n) => new Uint8Array(memory.buffer, 0, size).fill(n), grow: () => memory.grow(1) })
    const client = await connect()
    client.send(call(1, 'fill', 1), call(2, 'fill', 2), call(3, 'grow', null))
    for (const n of [1, 2]) assert.deepEqual((await client.next()).attachments, [Buffer.alloc(size, n)])
    assert.equal((await client.next()).value, 2)
  })
}

test('a generator may yield one buffer again and again, where its parts are small', async (t) => {
  const buffer = Buffer.alloc(4096)
  const { connect } = await serve(t, { again: async function * () { for (const n of [1, 2, 3]) yield buffer.fill(n) } })
  const client = await connect()
  client.send(call(1, 'again', null, { flags: STREAM }))
  for (const n of [1, 2, 3]) assert.deepEqual((await client.next()).attachments, [Buffer.alloc(4096, n)])
  assert.equal((await client.next()).kind, END)
})

test('a part of a stream whose memory is gone before it is sent ends its connection, and nothing else', async (t) => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 3 })
  const parts = async function * () { yield new Uint8Array(memory.buffer, 0, 100_000); memory.grow(1); yield 1 }
  const { connect, worker } = await serve(t, { parts, echo: (data) => data })
  const [client, other] = [await connect(), await connect()]
  client.send(call(1, 'parts', null, { flags: STREAM }))
  await client.closed
  assert.match(worker.host.logger.records[0][1], /gone before they were sent.*detached/)
  assert.equal((await other.ask('echo', 1)).value, 1)
})
