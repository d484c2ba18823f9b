import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ANSWER, ASK, BYE, CANCEL, CHUNK, END, ERROR, FAULT, RESULT, RICH, STREAM, richFrame, textFrame } from '../../src/js_host/runtime/frames.mjs'
import { LIMIT, call, serve as serveFunctions, until } from './client.mjs'

const CALLABLE = { $: ['function', 0] }
const ITERATOR = { $: ['iterator', 0] }
const kept = { asked: [], outcome: null }
const keep = (promise) => { promise.then((value) => { kept.outcome = ['value', value] }, (error) => { kept.outcome = ['error', error] }) }

const functions = {
  echo: (data) => data,
  apply: async ({ fn, args }) => fn(...args),
  both: async ({ a, b }) => Promise.all([a(1), b(2), a(3)]),
  kind: ({ fn, it }) => [typeof fn, fn.length, typeof it[Symbol.asyncIterator], it[Symbol.asyncIterator]() === it],
  keep: (fn) => { kept.asked = [fn]; return 'kept' },
  forgets: (fn) => { fn('not awaited'); return 'answered' },
  awaits: (fn) => { keep(fn('pending')); return new Promise(() => {}) },
  bad: async (fn) => { await fn(1, () => {}) },
  large: async (fn) => { await fn('x'.repeat(LIMIT)) },
  survives: async (fn) => {
    const names = []
    for (const argument of [() => {}, Symbol('s'), 'x'.repeat(LIMIT)]) await fn(argument).catch((error) => names.push(error.constructor.name))
    return [names, await fn('fine')]
  },
  wraps: async (fn) => { try { await fn() } catch (error) { throw new Error('outer', { cause: new Error('middle', { cause: error }) }) } },
  catches: async (fn) => { try { await fn() } catch (error) { return [error.name, error.message, String(error), error instanceof Error, error.constructor.name, Object.keys(error)] } },
  stack: async function asksForIt (fn) { try { await fn() } catch (error) { return error.stack } },
  throwsOther: async (fn) => { await fn().catch(() => {}); throw new Error('mine') },
  sum: async (it) => { let sum = 0; for await (const x of it) sum += x; return sum },
  first: async (it) => { for await (const x of it) return x },
  atOnce: async (it) => Promise.all([it.next(), it.next(), it.next(), it.next()]),
  again: async (it) => { const steps = []; for (let i = 0; i < 4; i++) steps.push(await it.next().catch((error) => error.message)); return steps },
  returned: async (it) => [await it.return('r'), await it.next(), await it.return()],
  twice: async function * (it) { for await (const x of it) yield x * 2 },
  nested: async (fn) => { const { inner } = await fn(); return inner(7) },
  hangs: (it) => { keep(it.next()); return new Promise(() => {}) }
}
const serve = (t) => serveFunctions(t, functions)
const rich = (id, name, data, options = {}) => call(id, name, data, { ...options, flags: RICH | (options.flags ?? 0) })
const answer = (ask, value) => textFrame(ask.id, ANSWER, JSON.stringify(value), ask.extra)
const richAnswer = (ask, value) => Buffer.concat(richFrame(ask.id, ANSWER, JSON.stringify(value), [], ask.extra))
const end = (ask) => textFrame(ask.id, END, '', ask.extra)
const fault = (ask, message = 'bad', name = 'ValueError') =>
  textFrame(ask.id, FAULT, JSON.stringify({ name, message, stack: `Traceback (most recent call last):\n  File "app.py", line 3, in total\n${name}: ${message}\n` }), ask.extra)

test('a callable is a function and an iterator an async iterable', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'kind', { fn: CALLABLE, it: { $: ['iterator', 1] } }))
  assert.deepEqual((await client.next()).value, ['function', 0, 'function', true])
})

test('to call a callable is a question, and its answer the result', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(5, 'apply', { fn: { $: ['function', 3] }, args: [1, 'two', { three: null }] }))
  const ask = await client.next()
  assert.deepEqual([ask.kind, ask.id, ask.flags, ask.value], [ASK, 5, 0, [3, 'call', [1, 'two', { three: null }]]])
  client.send(answer(ask, { total: 6 }))
  const { kind, id, value } = await client.next()
  assert.deepEqual([kind, id, value], [RESULT, 5, { total: 6 }])
})

test('arguments and answers may be any value that can cross', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'apply', { fn: CALLABLE, args: [{ $: ['float', 'NaN'] }, { $: ['int', '9007199254740993'] }] }))
  const ask = await client.next()
  assert.deepEqual(ask.value, [0, 'call', [{ $: ['float', 'NaN'] }, { $: ['int', '9007199254740993'] }]])
  client.send(richAnswer(ask, { $: ['date', 0] }))
  assert.deepEqual((await client.next()).value, { $: ['date', 0] })
})

test('several questions are open at once, and answered in any order', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'both', { a: CALLABLE, b: { $: ['function', 1] } }))
  const asks = [await client.next(), await client.next(), await client.next()]
  assert.equal(new Set(asks.map(({ extra }) => extra)).size, 3)
  for (const ask of asks.toReversed()) client.send(answer(ask, ask.value[2][0] * 10))
  assert.deepEqual((await client.next()).value, [10, 20, 30])
})

test('an answer may hold callables too', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'nested', CALLABLE))
  client.send(richAnswer(await client.next(), { inner: { $: ['function', 1] } }))
  const ask = await client.next()
  assert.deepEqual(ask.value, [1, 'call', [7]])
  client.send(answer(ask, 'deep'))
  assert.equal((await client.next()).value, 'deep')
})

test('what the program raised is thrown, with its name and message', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'catches', CALLABLE))
  client.send(fault(await client.next()))
  assert.deepEqual((await client.next()).value, ['ValueError', 'bad', 'ValueError: bad', true, 'PythonError', []])
})

test('its stack tells where JavaScript asked, and the traceback', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'stack', CALLABLE))
  client.send(fault(await client.next()))
  const { value } = await client.next()
  assert.match(value, /^ValueError: bad\n {4}at (?:Context\.)?asksForIt \(.*questions\.test\.mjs:\d+:\d+\)\n\nTraceback .*\n {2}File "app\.py", line 3, in total\nValueError: bad$/)
  assert.ok(!value.includes('runtime/questions.mjs'), value)
})

test('it is thrown also where the program makes its stacks of other things than text', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'catches', CALLABLE))
  const ask = await client.next()
  t.after(() => { delete Error.prepareStackTrace })
  Error.prepareStackTrace = (_, sites) => sites
  client.send(fault(ask))
  assert.deepEqual((await client.next()).value.slice(0, 2), ['ValueError', 'bad'])
})

for (const [name, depth] of [['apply', 0], ['wraps', 2]]) {
  test(`an error that is, or is caused by, what the program raised names the question (${name})`, async (t) => {
    const client = await (await serve(t)).connect()
    client.send(rich(1, name, name === 'apply' ? { fn: CALLABLE, args: [] } : CALLABLE))
    const ask = await client.next()
    client.send(fault(ask))
    const { kind, value } = await client.next()
    assert.deepEqual([kind, value.fault, value.maybeExecuted], [ERROR, ask.extra, true])
    let error = value
    for (let i = 0; i < depth; i++) error = error.cause
    assert.equal(error.name, 'ValueError')
    assert.match(error.stack, /Traceback/)
  })
}

test('an error that has nothing to do with a fault names no question', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'throwsOther', CALLABLE))
  client.send(fault(await client.next()))
  assert.ok(!('fault' in (await client.next()).value))
})

test('arguments that can not cross, or are too large, fail where they were passed and cost nothing else', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'survives', CALLABLE))
  client.send(answer(await client.next(), 'thanks'))
  assert.deepEqual((await client.next()).value, [['ValueNotSupported', 'ValueNotSupported', 'RangeError'], 'thanks'])
  client.send(rich(1, 'bad', CALLABLE))
  assert.match((await client.next()).value.message, /^arguments\[1\] is a function/)
  client.send(rich(1, 'large', CALLABLE))
  assert.match((await client.next()).value.message, /The arguments take \d+ bytes; the limit is 200000/)
})

test('an answer that can not be read fails the question only', async (t) => {
  const client = await (await serve(t)).connect()
  for (const bad of [(ask) => textFrame(1, ANSWER, '{', ask.extra), (ask) => richAnswer(ask, { $: ['nothing'] })]) {
    client.send(rich(1, 'apply', { fn: CALLABLE, args: [] }))
    client.send(bad(await client.next()))
    assert.equal((await client.next()).kind, ERROR)
  }
  assert.equal((await client.ask('echo', 1)).value, 1)
})

test('a callable of a call that has ended is refused at once', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'keep', CALLABLE))
  assert.equal((await client.next()).value, 'kept')
  await assert.rejects(kept.asked[0](1), { message: /The call of "keep" has ended/ })
  assert.equal(client.frames.length, 0)
})

for (const [title, finish] of [
  ['is cancelled', (client) => client.send(textFrame(1, CANCEL, ''))],
  ['loses its client', (client) => client.socket.destroy()],
  ['is out of time', () => {}]
]) {
  for (const [name, data] of [['awaits', CALLABLE], ['hangs', ITERATOR]]) {
    test(`a question (${name}) of a call that ${title} fails`, async (t) => {
      const { connect, worker } = await serve(t)
      const client = await connect()
      kept.outcome = null
      client.send(rich(1, name, data, { deadline: title === 'is out of time' ? 30 : 0 }))
      await client.next()
      finish(client)
      await until(() => kept.outcome !== null)
      assert.match(kept.outcome[1].message, new RegExp(`The call of "${name}" has ended`))
      assert.equal(worker.waiting.size, 0)
    })
  }
}

test('a question that nobody waits for makes no noise when its call ends before the answer', async (t) => {
  const client = await (await serve(t)).connect()
  const noise = []
  const listener = (reason) => noise.push(reason)
  process.on('unhandledRejection', listener)
  t.after(() => process.off('unhandledRejection', listener))
  client.send(rich(1, 'forgets', CALLABLE))
  const frames = [await client.next(), await client.next()]
  const ask = frames.find(({ kind }) => kind === ASK)
  assert.equal(frames.find(({ kind }) => kind === RESULT).value, 'answered')
  client.send(answer(ask, 1), fault(ask))
  assert.equal((await client.ask('echo', 2)).value, 2)
  await sleep(5)
  assert.deepEqual(noise, [])
})

test('answers to nothing are dropped: an unknown question, a call that asks nothing, an unknown call', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'apply', { fn: CALLABLE, args: [] }))
  const ask = await client.next()
  for (const stray of [{ ...ask, extra: 77 }, { ...ask, id: 99 }]) client.send(answer(stray, 0), fault(stray), end(stray))
  client.send(answer(ask, 'right'), answer(ask, 'twice'))
  assert.equal((await client.next()).value, 'right')
  assert.equal((await client.ask('echo', 1)).value, 1)
})

test('a fault that is no JSON ends the connection', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'apply', { fn: CALLABLE, args: [] }))
  client.send(textFrame(1, FAULT, '{', (await client.next()).extra))
  assert.equal((await client.next()).kind, BYE)
  await client.closed
})

/** Answers each "next" with the next item, then with the end; returns all questions and the last frame. */
async function iterate (client, items) {
  const questions = []
  for (const left = [...items]; ;) {
    const frame = await client.next()
    if (frame.kind !== ASK) return { questions, frame }
    questions.push(frame.value[1])
    client.send(frame.value[1] === 'close' ? answer(frame, null) : left.length > 0 ? answer(frame, left.shift()) : end(frame))
  }
}

test('an iterator is read item by item, to its end', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'sum', ITERATOR))
  const { questions, frame } = await iterate(client, [1, 2, 3])
  assert.deepEqual([questions, frame.value], [['next', 'next', 'next', 'next'], 6])
})

test('an iterator that nobody reads further is closed', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'first', ITERATOR))
  const { questions, frame } = await iterate(client, [5, 6])
  assert.deepEqual([questions, frame.value], [['next', 'close'], 5])
  client.send(rich(1, 'returned', ITERATOR))
  const other = await iterate(client, [5])
  assert.deepEqual([other.questions, other.frame.value], [['close'], [{ done: true, value: 'r' }, { done: true }, { done: true }]])
})

test('items that are asked for at once come in order, and behind the end there is nothing', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'atOnce', ITERATOR))
  const { questions, frame } = await iterate(client, ['a', 'b'])
  assert.deepEqual(questions, ['next', 'next', 'next'])
  assert.deepEqual(frame.value, [{ done: false, value: 'a' }, { done: false, value: 'b' }, { done: true }, { done: true }])
})

test('an iterator that raises is over', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'again', ITERATOR))
  client.send(answer(await client.next(), 1))
  client.send(fault(await client.next(), 'no more'))
  assert.deepEqual((await client.next()).value, [{ done: false, value: 1 }, 'no more', { done: true }, { done: true }])
})

test('a stream may read an iterator of the program', async (t) => {
  const client = await (await serve(t)).connect()
  client.send(rich(1, 'twice', ITERATOR, { flags: STREAM }))
  const parts = []
  for (const left = [1, 2, 3]; ;) {
    const frame = await client.next()
    if (frame.kind === ASK) client.send(left.length > 0 ? answer(frame, left.shift()) : end(frame))
    else if (frame.kind === CHUNK) parts.push(frame.value)
    else { assert.equal(frame.kind, END); break }
  }
  assert.deepEqual(parts, [2, 4, 6])
})
