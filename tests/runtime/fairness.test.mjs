// Who waits for whom, where calls that take long come in faster than they are done.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMIT, call, serve, until } from './client.mjs'
import { BYE, FrameReader, HEADER_SIZE, HELD, RESULT, READ_SIZE, readUint32, textFrame } from '../../src/js_host/runtime/frames.mjs'

const SOME = 'x'.repeat(20_000) // three such calls fit into what is read at once

function busy (ms) {
  for (const end = performance.now() + ms; performance.now() < end;);
}

for (const data of [1, SOME]) {
  test(`slow calls of one client, with ${String(data).length} characters each, leave other clients, and timers, their turns`, async (t) => {
    const order = []
    const { connect } = await serve(t, { slow: () => { order.push('slow'); busy(3) }, quick: () => order.push('quick') })
    const [many, other] = [await connect(), await connect()]
    many.send(...Array.from({ length: 9 }, (_, i) => call(1 + i, 'slow', data)))
    other.send(call(1, 'quick', null))
    setTimeout(() => order.push('timer'), 1)
    for (let answers = 0; answers < 9; answers++) await many.next()
    for (const one of ['quick', 'timer']) assert.ok(order.indexOf(one) <= 3, `${order}`)
  })
}

test('slow calls in every size are answered each by its own answer, also when they wait for their turns', async (t) => {
  const { connect } = await serve(t, { echo: (data) => { busy(1.5); return data } })
  const client = await connect()
  const texts = [0, 1, 20_000, 65_000, 65_536, 100_000, 7, 30_000, 150_000, 0, 65_500, 3].map((size, i) => `${i}`.padEnd(size, 'x'))
  for (let round = 0; round < 3; round++) {
    client.send(...texts.map((text, i) => call(1 + i, 'echo', text)))
    for (let i = 0; i < texts.length; i++) {
      const { id, value, attachments } = await client.next()
      assert.equal(id, 1 + i)
      assert.ok((attachments[0]?.toString() ?? value) === texts[i], `text ${i} came back as another one`)
    }
  }
})

test('what a client did not read in time is sent on while calls that came with it are still run', async (t) => {
  let ran = 0
  const { connect, worker } = await serve(t, { page: () => { ran++; busy(2); return 'x'.repeat(LIMIT - 100) } })
  const client = await connect()
  const [connection] = worker.connections
  client.socket.pause()
  client.send(...Array.from({ length: 9 }, (_, i) => call(1 + i, 'page', SOME)))
  await until(() => connection.socket.writableLength > 0)
  client.socket.resume()
  await client.next()
  assert.ok(ran < 9, `${ran} calls ran before the first answer was there`)
  for (let answers = 1; answers < 9; answers++) await client.next()
})

test('calls that wait for their turns do not run when their client is gone', async (t) => {
  let ran = 0
  const { connect, worker } = await serve(t, { slow: () => { ran++; busy(2) } })
  const client = await connect()
  client.send(...Array.from({ length: 50 }, (_, i) => call(1 + i, 'slow', 1)))
  await client.next()
  client.socket.destroy()
  await until(() => worker.connections.size === 0)
  const before = ran
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  assert.ok(ran === before && ran < 50, `${before}, then ${ran} of 50 ran`)
})

test('a client that breaks the rules behind slow calls hears so, whatever else it has sent', async (t) => {
  const { connect } = await serve(t, { slow: () => busy(3) })
  const client = await connect()
  client.send(call(1, 'slow', 1), call(2, 'slow', 1), textFrame(3, 99, ''), Buffer.alloc(150_000))
  const frames = [await client.next(), await client.next(), await client.next()]
  assert.deepEqual(frames.map(({ kind }) => kind), [RESULT, RESULT, BYE])
  assert.equal(frames[2].value.reason, 'protocol')
  await client.closed
})

test('frames that are held are given again in their order, wherever reads end', () => {
  const frames = Array.from({ length: 40 }, (_, i) => textFrame(1 + i, RESULT, 'x'.repeat((i * 7919) % (READ_SIZE + 5000))))
  const bytes = Buffer.concat(frames)
  for (const [step, holds] of [[READ_SIZE, 2], [1000, 3], [40_000, 1]]) {
    const seen = []
    let [asked, isFirst] = [0, true]
    const received = (count) => { isFirst = true; reader.received(count) }
    const reader = new FrameReader((buffer, at, length, owned) => {
      if (!isFirst && !owned && asked++ % holds === 0) return HELD
      isFirst = false
      assert.ok(buffer.subarray(at, at + HEADER_SIZE + length).equals(frames[seen.length]))
      seen.push(readUint32(buffer, at + 4))
    }, 2 ** 32 - 1)
    let place = reader.getBuffer()
    for (let at = 0; at < bytes.length;) {
      const count = bytes.copy(place, 0, at, Math.min(at + step, bytes.length))
      assert.ok(count > 0, 'there was no room to read on')
      at += count
      received(count)
      place = reader.getBuffer() // as Node does, before the held ones are taken
      while (reader.isHeld) received(0)
    }
    assert.equal(seen.length, frames.length)
  }
})
