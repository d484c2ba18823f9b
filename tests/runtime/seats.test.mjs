// The seats of the watchdog: where it may say goodbye to clients when the main thread can not.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'
import { Call } from '../../src/js_host/runtime/functions.mjs'
import { ENDLESS, Worker } from '../../src/js_host/runtime/worker.mjs'
import { serve, until } from './client.mjs'
import { hostOf } from './helper.mjs'

/** A watchdog without its thread: it looks at the descriptors that it is given, and keeps them. */
class Seats {
  cells = new Float64Array(5)
  taken = new Map()
  opened (fd) { this.taken.set(this.taken.size, fs.fstatSync(fd).ino); return this.taken.size - 1 }
  closed (seat) { this.taken.delete(seat) }
  setUnsent () {}
}

test('a connection takes a seat, also one that came before the watchdog, and leaves it at its end', async (t) => {
  const { connect, worker } = await serve(t, {})
  const before = await connect()
  const watchdog = new Seats()
  worker.watch(watchdog)
  const after = await connect()
  assert.equal(watchdog.taken.size, 2)
  before.socket.destroy()
  after.socket.destroy()
  await until(() => watchdog.taken.size === 0)
})

test('one whose descriptor is closed, and whose end is still to be told, takes none', async (t) => {
  const { connect, worker } = await serve(t, {})
  await connect()
  const [connection] = worker.connections
  connection.socket.destroy()
  assert.ok(worker.connections.has(connection))
  const watchdog = new Seats()
  worker.watch(watchdog)
  assert.equal(watchdog.taken.size, 0)
  await until(() => worker.connections.size === 0)
})

test('calls without a deadline are counted as long as they wait', async () => {
  const worker = new Worker(await hostOf({ functions: {} }))
  const [endless, other] = [new Call(1, 'f', 0), new Call(2, 'f', performance.now() + 60_000, 60_000)]
  for (const call of [endless, other]) worker.wait(call, () => {})
  assert.equal(worker.cells[ENDLESS], 1)
  worker.renew(endless, () => {})
  for (const call of [endless, other, endless]) worker.done(call)
  assert.equal(worker.cells[ENDLESS], 0)
  worker.wait(other, () => {})
  clearTimeout(worker.waiting.get(other))
  other.deadline = 0 // a stream whose reader takes its time
  worker.due(other, () => {})
  assert.equal(worker.cells[ENDLESS], 1)
  worker.renew(other, () => {})
  assert.equal(worker.cells[ENDLESS], 0)
  worker.done(other)
})
