// Metrics: counters and histograms of calls, kept where somebody asked for them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CANCEL, STREAM, textFrame } from '../../src/js_host/runtime/frames.mjs'
import { BOUNDS, Metrics } from '../../src/js_host/runtime/metrics.mjs'
import { call, serve as serveFunctions, until } from './client.mjs'

const functions = {
  echo: (data) => data,
  later: async (data) => data,
  throws: () => { throw new TypeError('bad') },
  never: () => new Promise(() => {}),
  busy: (ms) => { for (const end = performance.now() + ms; performance.now() < end;); },
  fn: () => () => {},
  counts: function * () { yield 1; yield 2 }
}

/** A worker that keeps metrics, and a client of it. */
async function serve (t) {
  const { worker, connect } = await serveFunctions(t, functions)
  await worker.host.keepMetrics('http://127.0.0.1:9100')
  t.after(() => worker.host.metrics.lag.delay.disable())
  return { worker, client: await connect(), numbers: (name) => worker.host.metrics.functions[name] }
}

const sum = (counts) => counts.reduce((one, other) => one + other, 0)

test('each call is counted once, by how it ended', async (t) => {
  const { client, numbers } = await serve(t)
  await client.ask('echo', 1)
  await client.ask('echo', 2)
  await client.ask('later', 1)
  await client.ask('throws')
  await client.ask('never', null, { deadline: 5 })
  assert.deepEqual(numbers('echo').ends, { ok: 2, error: 0, timeout: 0, cancelled: 0 })
  assert.equal(numbers('later').ends.ok, 1)
  assert.equal(numbers('throws').ends.error, 1)
  assert.equal(numbers('never').ends.timeout, 1)
})

test('a call that nobody waits for any more is cancelled', async (t) => {
  const { worker, client, numbers } = await serve(t)
  client.send(call(1, 'never', null))
  await until(() => worker.host.metrics.inFlight === 1)
  client.send(textFrame(1, CANCEL, ''))
  await until(() => numbers('never').ends.cancelled === 1)
  client.send(call(2, 'never', null))
  await until(() => worker.host.metrics.inFlight === 1)
  client.socket.destroy()
  await until(() => numbers('never').ends.cancelled === 2)
  assert.equal(worker.host.metrics.inFlight, 0)
})

test('a stream is one call', async (t) => {
  const { client, numbers } = await serve(t)
  client.send(call(1, 'counts', null, { flags: STREAM }))
  await until(() => numbers('counts')?.ends.ok === 1)
  assert.equal(sum(numbers('counts').duration.counts), 1)
})

test('what is refused is counted by the type of its error, under no name', async (t) => {
  const { worker, client } = await serve(t)
  await client.ask('nothing')
  await client.ask('fn')
  await client.ask('__proto__')
  assert.deepEqual({ ...worker.host.metrics.refused }, { 'unknown-function': 2, 'bad-value': 1 })
  assert.deepEqual(Object.keys(worker.host.metrics.functions), ['fn'])
})

test('the histograms say how long calls took, and how long they waited for others', async (t) => {
  const { client, numbers } = await serve(t)
  client.send(call(1, 'busy', 30), call(2, 'echo', 1))
  await client.next()
  await client.next()
  const [busy, echo] = [numbers('busy'), numbers('echo')]
  assert.ok(busy.duration.sum >= 30 && busy.queue.sum < 30)
  assert.ok(echo.queue.sum >= 30, `it waited ${echo.queue.sum} ms`)
  const above = BOUNDS.findIndex((bound) => bound >= 30)
  assert.equal(sum(echo.queue.counts.slice(0, above)), 0)
  assert.equal(sum(echo.queue.counts), 1)
})

test('a call over HTTP is counted too', async (t) => {
  const { worker, numbers } = await serve(t)
  const { Call } = await import('../../src/js_host/runtime/functions.mjs')
  const run = (name) => worker.host.runAlone(worker.host.find(name), 1, new Call(0, name, 0))
  assert.equal(await run('later'), 1)
  await assert.rejects(run('throws'), TypeError)
  assert.deepEqual([numbers('later').ends.ok, numbers('throws').ends.error], [1, 1])
})

test('a report has counters and gauges where metrics are kept, and is short where not', async (t) => {
  const { worker, client } = await serve(t)
  await client.ask('echo', 1)
  const report = JSON.parse(JSON.stringify(worker.report()))
  assert.equal(report.calls, 1)
  assert.equal(report.counters.functions.echo.ends.ok, 1)
  assert.equal(report.gauges.connections, 1)
  assert.deepEqual(report.gauges.bounds, BOUNDS)
  const { worker: plain } = await serveFunctions(t, functions)
  assert.deepEqual(Object.keys(plain.report()), ['calls', 'running', 'heap'])
})

test('the lag of a blocked event loop is seen, by each who reads it', async (t) => {
  const metrics = new Metrics()
  t.after(() => metrics.lag.delay.disable())
  await until(() => metrics.lag.delay.count > 0)
  functions.busy(200)
  await until(() => metrics.gauges().lag.max > 100)
  assert.ok(metrics.gauges().lag.max > 100)
})
