import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Call, Context, FunctionEntry, isThenable } from '../../src/js_host/runtime/functions.mjs'
import { hostOf } from './helper.mjs'

const call = () => new Call(1, 'f', 0)
const host = await hostOf({ functions: { f () {} } })

/** Runs a function as one of a host that keeps its log. */
async function once (fn, data) {
  const host = await hostOf({ functions: { f: fn } })
  return { host, entry: host.functions.f, result: () => host.functions.f.run(host, data, call()) }
}

test('a value-style function gives its value as it is, without a promise', async () => {
  const object = { a: 1 }
  const { result } = await once((data) => data, object)
  assert.equal(result(), object)
})

for (const value of [0, '', false, null, undefined, NaN]) {
  test(`${String(value) || 'empty text'} is a result, in both styles`, async () => {
    const byValue = await once(() => value)
    const byCallback = await once((data, cb) => { cb(null, value) })
    assert.ok(Object.is(byValue.result(), value))
    assert.ok(Object.is(byCallback.result(), value))
  })
}

test('an async function gives its promise', async () => {
  const { result } = await once(async (data) => data.n + 1, { n: 1 })
  assert.ok(isThenable(result()))
  assert.equal(await result(), 2)
})

test('a generator and a stream are handed on as they are', async () => {
  const { result } = await once(function * () { yield 1 })
  assert.deepEqual([...result()], [1])
})

test('`this` and the second parameter are the context, with name and host', async () => {
  const seen = []
  const { host, result } = await once(function (data, context = null) { seen.push(this, context) })
  result()
  assert.ok(seen[0] instanceof Context)
  assert.equal(seen[0], seen[1])
  assert.equal(seen[0].name, 'f')
  assert.equal(seen[0].host, host)
  assert.equal(seen[0].log, host.logger)
})

test('`this` of a callback-style function is the context of this call only', async () => {
  const { result } = await once(function (data, cb) { this.count = (this.count ?? 0) + 1; cb(null, this.count) })
  assert.deepEqual([result(), result()], [1, 1])
})

test('the number of parameters decides the style, and a default ends the counting', () => {
  const styles = [() => 1, (a) => a, (a, b) => b, (a, b, c) => c, (a, { signal } = {}) => signal, (...all) => all]
  assert.deepEqual(styles.map((fn) => new FunctionEntry('f', fn).callbackStyle), [false, false, true, true, false, false])
})

test('a generator function gets its context as its second parameter, not a callback', () => {
  const styles = [function * (a, b) { yield b }, async function * (a, b) { yield b }]
  assert.deepEqual(styles.map((fn) => new FunctionEntry('f', fn).callbackStyle), [false, false])
})

test('a callback that is called at once costs no promise', async () => {
  const { result } = await once((data, cb) => { cb(null, data) }, 5)
  assert.equal(result(), 5)
})

test('a callback that is called later gives a promise', async () => {
  const { result } = await once((data, cb) => { setImmediate(cb, null, data) }, 5)
  const promise = result()
  assert.ok(isThenable(promise))
  assert.equal(await promise, 5)
})

test('what a callback-style function returns is ignored', async () => {
  const { result } = await once((data, cb) => { setImmediate(cb, null, 'passed'); return 'returned' })
  assert.equal(await result(), 'passed')
})

test('an error passed to the callback is the error, at once or later', async () => {
  const error = new Error('no')
  const now = await once((data, cb) => { cb(error) })
  const later = await once((data, cb) => { setImmediate(cb, error) })
  assert.throws(now.result, error)
  await assert.rejects(later.result(), error)
})

test('something else passed as the error becomes an error with that value, and the stack of its place', async () => {
  const { result } = await once((data, cb) => { cb('no luck') })
  assert.throws(result, (error) => error instanceof Error && error.message === 'no luck' && error.value === 'no luck' && /functions\.test/.test(error.stack))
})

for (const nothing of [null, undefined, 0, '', false]) {
  test(`${JSON.stringify(nothing)} as the error means that there is none`, async () => {
    const { result } = await once((data, cb) => { cb(nothing, 'fine') })
    assert.equal(result(), 'fine')
  })
}

test('a callback-style function that throws has failed', async () => {
  const { result } = await once((data, cb) => { throw new TypeError('early') })
  assert.throws(result, { name: 'TypeError', message: 'early' })
})

test('a callback-style function whose promise rejects has failed', async () => {
  const { result } = await once(async (data, cb) => { throw new TypeError('late') })
  await assert.rejects(result(), { name: 'TypeError', message: 'late' })
})

test('a query that a callback-style function returns is left alone: its then would run it a second time, or throw', async () => {
  let runs = 0
  const query = (done) => { setImmediate(done, null, ++runs); return { then () { runs++; throw new Error('this is no promise') } } }
  const { result } = await once((data, cb) => query(cb))
  assert.equal(await result(), 1)
  assert.equal(runs, 1)
})

test('an async callback-style function that calls back has answered', async () => {
  const { result } = await once(async (data, cb) => { await null; cb(null, 'fine') })
  assert.equal(await result(), 'fine')
})

test('a second call of the callback is logged and counted, and the first wins', async () => {
  const { host, result } = await once((data, cb) => { cb(null, 1); cb(null, 2); cb(new Error('third')) })
  assert.equal(result(), 1)
  assert.equal(host.counters.repeatedCallbacks, 2)
  const [[level, text], [, third]] = host.logger.records
  assert.equal(level, 'error')
  assert.match(text, /Function "f" called its callback more than once\n +at .*functions\.test/s)
  assert.match(third, /It passed: Error: third/)
  assert.doesNotMatch(text + third, /js_host\/runtime/)
})

test('once a function has called back twice, both stacks are logged', async () => {
  const { host, result } = await once((data, cb) => { for (const n of [1, 2]) setImmediate(() => cb(null, n)) })
  await result()
  await new Promise(setImmediate)
  await result()
  await new Promise(setImmediate)
  assert.match(host.logger.records[0][1], /recorded from now on/)
  assert.match(host.logger.records[1][1], /more than once\n.*The first call of the callback\n +at/s)
})

test('an error after the answer is logged and counted, and the answer stays', async () => {
  const { host, result } = await once((data, cb) => { cb(null, 1); throw new Error('after') })
  assert.equal(result(), 1)
  assert.equal(host.counters.lateErrors, 1)
  assert.match(host.logger.records[0][1], /"f" had already answered when it failed: Error: after/)
})

test('a promise that rejects after the answer is logged, not unhandled', async () => {
  const { host, result } = await once(async (data, cb) => { cb(null, 1); throw new Error('after') })
  assert.equal(result(), 1)
  await new Promise(setImmediate)
  assert.equal(host.counters.lateErrors, 1)
})

test('an async function of two parameters that returns a value and does not call back is explained, once', async () => {
  const { host, result } = await once(async (data, context) => 'lost')
  result()
  result()
  await new Promise(setImmediate)
  assert.equal(host.logger.records.length, 1)
  assert.match(host.logger.records[0][1], /two parameters, so only its callback counts/)
})

test('ten thousand callbacks that never come leave nothing behind but their promise', async () => {
  const { host, result } = await once((data, cb) => {})
  for (let i = 0; i < 10_000; i++) result()
  assert.deepEqual([host.counters.repeatedCallbacks, host.counters.lateErrors, host.counters.abandoned], [0, 0, 0])
})

test('only an object with a method then is a promise', () => {
  const values = [null, undefined, 1, 'x', {}, { then: 1 }, { then () {} }, Object.assign(() => 1, { then () {} }), Promise.resolve()]
  assert.deepEqual(values.map(isThenable), [false, false, false, false, false, false, true, true, true])
})

test('the signal is made when it is read, and is the same each time', () => {
  const one = call()
  const context = new Context('f', host, one)
  assert.equal(one.controller, null)
  assert.equal(context.signal, context.signal)
  assert.equal(context.signal.aborted, false)
  one.abort(new Error('gone'))
  assert.equal(context.signal.reason.message, 'gone')
})

test('a signal that is first read after the abort has fired', () => {
  const one = call()
  one.abort('late')
  assert.equal(one.signal.aborted, true)
  assert.equal(one.signal.reason, 'late')
})

test('the deadline is a moment, or Infinity where there is none', () => {
  assert.equal(new Context('f', host, new Call(1, 'f', 0)).deadline, Infinity)
  assert.equal(new Context('f', host, new Call(1, 'f', 1234)).deadline, 1234)
})

test('a function needs a name, and has to be one', () => {
  assert.throws(() => new FunctionEntry('', () => 1), { code: 'JS_HOST_FUNCTION_NAME', message: '"" is not a valid function name' })
  assert.throws(() => new FunctionEntry('f', {}), { code: 'JS_HOST_NOT_A_FUNCTION', message: '"f" must be a function, but it is an object.' })
})
