import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Call } from '../../src/js_host/runtime/functions.mjs'
import { Spinner } from '../../src/js_host/runtime/spin.mjs'
import { NEAREST, RUNNING, Worker } from '../../src/js_host/runtime/worker.mjs'
import { hostOf } from './helper.mjs'

const host = await hostOf({ functions: { f () {} } })
const soon = (milliseconds) => performance.now() + milliseconds
const turn = () => new Promise(setImmediate)

/** A connection as far as a worker knows it. */
class Peer {
  greeted = true
  unsent = false
  frames = []
  write (frame) { this.frames.push(JSON.parse(frame.toString('utf8', 16))) }
  takeLeave (bye) { this.write(bye) }
  flush () {}
}

test('the cell of the running call holds its deadline while its function is on the stack', () => {
  const worker = new Worker(host)
  const call = new Call(1, 'f', soon(1000))
  worker.begin(call)
  assert.equal(worker.cells[RUNNING], call.deadline)
  assert.deepEqual(worker.inFlight(), ['f'])
  worker.pause()
  assert.equal(worker.cells[RUNNING], 0)
  worker.begin(new Call(2, 'g', 0))
  assert.equal(worker.cells[RUNNING], Infinity)
})

test('a worker reports how many calls there were, which functions run, and how large its heap is', async () => {
  const fresh = await hostOf({ functions: { f: () => 1 } })
  const worker = new Worker(fresh)
  fresh.functions.f.run(fresh, {}, new Call(1, 'f', 0))
  worker.wait(new Call(2, 'later', 0), () => {})
  const { calls, running, heap } = worker.report()
  assert.deepEqual({ calls, running }, { calls: 1, running: ['later'] })
  assert.ok(heap > 1_000_000)
})

test('the cell of the nearest deadline is never later than it', () => {
  const worker = new Worker(host)
  const calls = [500, 100, 300].map((ms, i) => new Call(i + 1, 'f', soon(ms)))
  for (const call of calls) worker.wait(call, () => {})
  worker.wait(new Call(9, 'endless', 0), () => {})
  assert.equal(worker.cells[NEAREST], calls[1].deadline)
  worker.done(calls[1])
  assert.ok(worker.cells[NEAREST] <= calls[2].deadline)
  worker.refreshNearest()
  assert.equal(worker.cells[NEAREST], calls[2].deadline)
  worker.done(calls[0])
  worker.done(calls[2])
  worker.refreshNearest()
  assert.equal(worker.cells[NEAREST], 0)
  assert.deepEqual(worker.inFlight(), ['endless'])
})

test('after the nearest deadline has gone, the cell soon holds the next one', async () => {
  const worker = new Worker(host)
  const calls = [100, 900].map((ms, i) => new Call(i + 1, 'f', soon(ms)))
  for (const call of calls) worker.wait(call, () => {})
  worker.done(calls[0])
  while (worker.cells[NEAREST] !== calls[1].deadline) await turn()
  worker.done(calls[1])
  assert.equal(worker.cells[NEAREST], 0)
})

test('a deadline that is renewed part by part is met when a part takes too long, and not before', async () => {
  const worker = new Worker(host)
  const call = new Call(1, 'f', soon(400), 400)
  let due = 0
  const onDeadline = () => { due = performance.now(); worker.done(call) }
  worker.wait(call, onDeadline)
  const until = soon(900)
  while (performance.now() < until) { worker.renew(call, onDeadline); await turn() }
  assert.equal(due, 0)
  const last = call.deadline
  while (due === 0) await turn()
  assert.ok(due >= last && due < last + 2000, `${due - last} ms late`)
})

test('a call that waits for its reader has no deadline until its next part is taken', async () => {
  const worker = new Worker(host)
  const call = new Call(1, 'f', soon(10), 10)
  let due = false
  const onDeadline = () => { due = true; worker.done(call) }
  worker.wait(call, onDeadline)
  call.deadline = 0
  const until = soon(50)
  while (performance.now() < until) await turn()
  assert.deepEqual([due, worker.waiting.has(call)], [false, true])
  worker.renew(call, onDeadline)
  while (!due) await turn()
})

test('a deadline of many days, and one in the past, are no trouble for the timer', async () => {
  const worker = new Worker(host)
  const [far, past] = [new Call(1, 'f', soon(2 ** 32)), new Call(2, 'f', soon(-1000))]
  const ended = new Promise((resolve) => worker.wait(past, resolve))
  worker.wait(far, () => assert.fail('too early'))
  await ended
  worker.done(past)
  worker.done(far)
  assert.equal(worker.waiting.size, 0)
})

test('a worker without calls and connections is idle as soon as it drains', async () => {
  const worker = new Worker(host)
  await new Promise((resolve) => worker.drain(resolve))
})

test('a draining worker waits for its calls, and for what has not left yet', async () => {
  const worker = new Worker(host)
  const [peer, call] = [new Peer(), new Call(1, 'f', 0)]
  let idle = 0
  worker.opened(peer)
  worker.wait(call, () => {})
  worker.drain(() => { idle++ })
  worker.drain(() => assert.fail('a second drain counts for nothing'))
  assert.deepEqual(peer.frames.map(({ reason }) => reason), ['draining'])
  worker.lingering = false
  worker.checkIdle()
  await turn()
  assert.equal(idle, 0)
  peer.unsent = true
  worker.done(call)
  await turn()
  assert.equal(idle, 0)
  peer.unsent = false
  worker.checkIdle()
  await turn()
  assert.equal(idle, 1)
})

test('a goodbye reaches every connection', () => {
  const worker = new Worker(host)
  const peers = [new Peer(), new Peer()]
  for (const peer of peers) worker.opened(peer)
  worker.goodbye({ reason: 'exit', message: 'm' })
  for (const { frames } of peers) assert.deepEqual(frames, [{ reason: 'exit', message: 'm' }])
})

const caller = { mailbox: null, arrival: 0, look: () => {} }

test('a spinner turns after close calls only, and stops by itself', async () => {
  const spinner = new Spinner(1_000_000)
  assert.ok(!spinner.isClose(performance.now()))
  spinner.answered(false, caller)
  assert.ok(!spinner.turning)
  assert.ok(spinner.isClose(performance.now()))
  spinner.answered(true, caller)
  assert.ok(spinner.turning)
  while (spinner.turning) await turn()
})

test('a spinner of no time never turns', () => {
  const spinner = new Spinner(0)
  spinner.answered(true, caller)
  assert.ok(!spinner.turning)
  assert.ok(!spinner.isClose(performance.now()))
})
