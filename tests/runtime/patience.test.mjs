import './held_clock.mjs'
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { CALL, HEADER_SIZE, writeHeader } from '../../src/js_host/runtime/frames.mjs'
import { FRAME_TIMEOUT, HELLO_TIMEOUT, LEAST_PROGRESS } from '../../src/js_host/runtime/patience.mjs'
import { call, serve, until } from './client.mjs'

/** Lets so much time pass, and what has come meanwhile be read. */
async function pass (time) {
  mock.timers.tick(time)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
}

/** The header of a call with so many bytes, and the first of them. */
function begun (length, sent) {
  const bytes = Buffer.alloc(HEADER_SIZE + sent, 0x20)
  writeHeader(bytes, length, 1, CALL)
  return bytes
}

async function connected (t) {
  const { worker, connect } = await serve(t, { echo: (data) => data })
  const client = await connect()
  const [connection] = worker.connections
  return { client, connection }
}

for (const [what, bytes] of [['a header', begun(1000, 0).subarray(0, 5)], ['a small frame', begun(1000, 10)], ['a large frame', begun(150_000, 10)]]) {
  test(`a client that sends part of ${what}, and then nothing, is told so and cut off`, async (t) => {
    const { client, connection } = await connected(t)
    client.send(bytes)
    await until(() => connection.reader.isPartial)
    await pass(FRAME_TIMEOUT - 1)
    assert.equal(client.over, undefined)
    await pass(1)
    const bye = await client.next()
    assert.match(bye.value.message, /its rest not within 30 s/)
    await client.closed
  })
}

test('a large frame that comes slowly, but comes, is waited for', async (t) => {
  const { client, connection } = await connected(t)
  client.send(begun(150_000, 10))
  await until(() => connection.reader.isPartial)
  const { bytes } = connection
  for (let i = 1; i <= 3; i++) {
    client.send(Buffer.alloc(LEAST_PROGRESS, 0x20))
    await until(() => connection.bytes === bytes + i * LEAST_PROGRESS)
    await pass(FRAME_TIMEOUT)
    assert.equal(client.over, undefined)
  }
  await pass(FRAME_TIMEOUT)
  await client.closed
})

test('a large frame that drips is not', async (t) => {
  const { client, connection } = await connected(t)
  client.send(begun(150_000, 10))
  await until(() => connection.reader.isPartial)
  for (let i = 0; i < 30; i++) {
    client.send(Buffer.alloc(1))
    await pass(FRAME_TIMEOUT / 30)
  }
  await client.closed
})

test('a client that is not listened to, as it has much to read, is not blamed for the rest of its frame', async (t) => {
  const { worker, connect } = await serve(t, { echo: (data) => data, bytes: (size) => Buffer.alloc(size) })
  worker.limit = 2 ** 31
  const client = await connect()
  const [connection] = worker.connections
  client.socket.pause()
  const frame = call(1, 'bytes', 65 * 1024 * 1024)
  client.send(frame, call(1, 'echo', 'x'.repeat(100_000)))
  await until(() => !connection.listening && connection.reader.isPartial)
  await pass(FRAME_TIMEOUT)
  client.socket.resume()
  await client.next()
  assert.equal((await client.next()).attachments[0].length, 100_000)
  client.send(frame.subarray(0, 7))
  await until(() => connection.reader.isPartial)
  await pass(FRAME_TIMEOUT)
  await client.closed
})

test('a client whose frames are whole may be silent as long as it likes', async (t) => {
  const { client, connection } = await connected(t)
  client.send(call(1, 'echo', 1).subarray(0, 7))
  await until(() => connection.reader.isPartial)
  client.send(call(1, 'echo', 1).subarray(7))
  assert.equal((await client.next()).value, 1)
  await pass(100 * FRAME_TIMEOUT)
  assert.equal((await client.ask('echo', 2)).value, 2)
})

test('a client that has said no hello is cut off, unless the hello is there to be read', async (t) => {
  const { connect } = await serve(t, { echo: (data) => data })
  const silent = await connect(false)
  await until(() => silent.socket.readyState === 'open')
  await new Promise(setImmediate)
  await pass(HELLO_TIMEOUT)
  await silent.closed
})
