import assert from 'node:assert/strict'
import { test } from 'node:test'
import vm from 'node:vm'
import { asError, describeError, isError, ownFrames } from '../../src/js_host/runtime/errors.mjs'

/** What arrives: a description has to survive JSON. */
const sent = (thrown) => JSON.parse(JSON.stringify(describeError(thrown)))

test('an error keeps its name, message and stack', () => {
  const described = sent(new RangeError('too far'))
  assert.equal(described.type, 'error')
  assert.equal(described.name, 'RangeError')
  assert.equal(described.message, 'too far')
  assert.match(described.stack, /^RangeError: too far\n +at .*errors\.test/s)
  assert.equal(described.cause, null)
  assert.deepEqual(described.fields, {})
  assert.ok(!('value' in described))
})

test("an error's own fields that JSON can say come along", () => {
  const error = Object.assign(new Error('x'), { code: 'ENOENT', errno: -2, list: [1, { a: null }], fn () {}, symbol: Symbol('s'), none: undefined, big: 10n })
  assert.deepEqual(sent(error).fields, { code: 'ENOENT', errno: -2, list: [1, { a: null }], big: '10' })
})

test('fields that are circular, hostile or too long are left out', () => {
  const error = Object.assign(new Error('x'), { fine: 1, long: 'x'.repeat(100_000), json: { toJSON () { throw new Error('no') } } })
  error.self = error
  Object.defineProperty(error, 'bad', { enumerable: true, get () { throw new Error('no') } })
  assert.deepEqual(sent(error).fields, { fine: 1 })
})

test('the causes are described too, each with its own', () => {
  const error = new Error('outer', { cause: new TypeError('middle', { cause: 'inner' }) })
  const { cause } = sent(error)
  assert.equal(cause.name, 'TypeError')
  assert.equal(cause.cause.message, 'inner')
  assert.equal(cause.cause.value, 'inner')
})

test('causes that go in a circle or too deep end', () => {
  const circle = new Error('a')
  circle.cause = new Error('b', { cause: circle })
  assert.equal(sent(circle).cause.cause, null)
  let deep = new Error('bottom')
  for (let i = 0; i < 100; i++) deep = new Error(String(i), { cause: deep })
  let levels = 0
  for (let at = sent(deep); at.cause; at = at.cause) levels++
  assert.equal(levels, 8)
})

test('an AggregateError carries its errors', () => {
  const { name, fields } = sent(new AggregateError([new TypeError('one'), 'two'], 'both'))
  assert.equal(name, 'AggregateError')
  assert.deepEqual(fields.errors.map(({ name, message }) => [name, message]), [['TypeError', 'one'], ['Error', 'two']])
})

test('an AggregateError that holds itself ends', () => {
  const error = new AggregateError([], 'self')
  error.errors.push(error)
  assert.deepEqual(sent(error).fields.errors, [])
})

const THROWN = [
  ['text', 'boom', 'boom', 'boom'],
  ['null', null, 'null', null],
  ['undefined', undefined, 'undefined', null],
  ['a number', 7, '7', 7],
  ['NaN', NaN, 'NaN', null],
  ['a bigint', 7n, '7n', '7'],
  ['an object', { a: 1 }, '{ a: 1 }', { a: 1 }],
  ['a symbol', Symbol('s'), 'Symbol(s)', null],
  ['a frozen object', Object.freeze({ a: 1 }), '{ a: 1 }', { a: 1 }],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), '[Object: null prototype] { a: 1 }', { a: 1 }]
]
for (const [what, thrown, message, value] of THROWN) {
  test(`${what} that was thrown becomes an error with that value`, () => {
    const described = sent(thrown)
    assert.deepEqual([described.name, described.message, described.value], ['Error', message, value])
    assert.equal(described.stack, `Error: ${message}`)
  })
}

test('a function that was thrown is told', () => {
  assert.match(sent(function greet () {}).message, /Function: greet/)
})

const hostile = () => { throw new Error('no') }
const TRAPS = { get: hostile, has: hostile, ownKeys: hostile, getPrototypeOf: hostile, getOwnPropertyDescriptor: hostile }
const revoked = Proxy.revocable({}, {})
revoked.revoke()
const gone = Proxy.revocable([], {})
gone.revoke()
for (const [what, thrown] of [
  ['a proxy of an error that refuses everything', new Proxy(new Error('x'), TRAPS)],
  ['a proxy of an object that refuses everything', new Proxy({}, TRAPS)],
  ['a revoked proxy', revoked.proxy],
  ['an error whose getters throw', Object.defineProperties(new Error('x'), { stack: { get: hostile }, message: { get: hostile }, name: { get: hostile }, cause: { get: hostile } })],
  ['an error whose fields have the wrong types', Object.assign(new Error('x'), { name: 1, message: {}, stack: [] })],
  ['an error whose list of errors can not be read', Object.assign(new Error('x'), { errors: gone.proxy })],
  ['an object with a hostile toJSON', { toJSON: hostile }],
  ['an object with a hostile toString', { toString: hostile, [Symbol.toPrimitive]: hostile }]
]) {
  test(`${what} is described all the same`, () => {
    const described = sent(thrown)
    for (const key of ['name', 'message', 'stack']) assert.equal(typeof described[key], 'string')
    assert.notEqual(described.name, '')
    assert.notEqual(described.stack, '')
  })
}

test('long texts have a bound', () => {
  const { message } = sent(new Error('x'.repeat(100_000)))
  assert.equal(message.length < 66_000, true)
  assert.match(message, /… \(34464 more characters\)$/)
})

test('an error of another realm is an error', () => {
  const error = vm.runInNewContext('new TypeError("there")')
  assert.ok(isError(error))
  assert.equal(sent(error).name, 'TypeError')
})

test('asError keeps errors, and gives other things the stack of their place', () => {
  const error = new Error('x')
  assert.equal(asError(error), error)
  assert.match(asError('text').stack, /^Error: text\n +at .*errors\.test/s)
  assert.equal(sent(asError({ a: 1 })).value.a, 1)
})

test('code for a browser gets a hint', () => {
  const error = new ReferenceError('window is not defined')
  assert.match(sent(error).hint, /code for a browser/)
  assert.ok(!('hint' in sent(new ReferenceError('nothing is not defined'))))
})

test('what was thrown and is no Error gets a hint, for it has no stack', () => {
  for (const thrown of ['text', null, undefined, { code: 1 }]) assert.match(sent(thrown).hint, /no Error, .*throw new Error/)
  assert.ok(!('hint' in sent(asError('text'))), 'its place is known')
})

test('a package that a call finds missing gets a hint, and a file of ones own does not', () => {
  const missing = (code, message) => sent(Object.assign(new Error(message), { code }))
  assert.match(missing('MODULE_NOT_FOUND', "Cannot find module 'left-pad'\nRequire stack:\n- /app/a.js").hint, /npm install/)
  assert.match(missing('ERR_MODULE_NOT_FOUND', "Cannot find package 'left-pad' imported from /app/a.js").hint, /npm install/)
  for (const name of ['./lib', '/app/lib', 'node:no']) assert.ok(!('hint' in missing('MODULE_NOT_FOUND', `Cannot find module '${name}'`)))
})

test('a file that is not where it was looked for, or not to be read, gets a hint', () => {
  const thrown = (code, message) => sent(Object.assign(new Error(message), { code }))
  assert.match(thrown('ENOENT', "ENOENT: no such file or directory, open 'templates/a.html'").hint, /path\.join\(__dirname/)
  assert.match(thrown('ENOENT', "ENOENT: no such file or directory, open '../a.html'").hint, /path\.join\(__dirname/)
  for (const path of ['/app/a.html', 'C:\\\\a.html']) assert.ok(!('hint' in thrown('ENOENT', `ENOENT: no such file or directory, open '${path}'`)))
  assert.match(thrown('EACCES', "EACCES: permission denied, open '/app/key.pem'").hint, /rights/)
  assert.match(thrown('EACCES', 'listen EACCES: permission denied 127.0.0.1:80').hint, /Ports below 1024/)
})

test('a page of HTML in place of JSON is not taken for JSX', () => {
  const thrown = (() => { try { JSON.parse('<html>') } catch (error) { return error } })()
  assert.match(sent(thrown).hint, /page of HTML/)
  assert.match(sent(new SyntaxError("Unexpected token '<'")).hint, /JSX/)
})

const OURS = `    at run (${new URL('../../src/js_host/runtime/functions.mjs', import.meta.url).href}:1:1)`
const THEIRS = '    at f (/app/host.config.js:2:3)'
const NODES = '    at process.processTimers (node:internal/timers:541:7)'

for (const [name, frames, kept] of [
  ['its caller is not shown', [THEIRS, OURS, NODES], [THEIRS]],
  ['an error that was made for it shows who is to blame', [OURS, OURS, THEIRS, NODES, OURS, NODES], [THEIRS, NODES]],
  ['an error that nobody else is to blame for has no frames', [OURS, NODES], []],
  ['nor has one of its own', [OURS, OURS], []],
  ['a stack without it stays', [THEIRS, NODES], [THEIRS, NODES]],
  ['a stack without frames stays', [], []]
]) {
  test(`what this runtime does is in no stack: ${name}`, () => {
    assert.equal(ownFrames(['Error: x', ...frames].join('\n')), ['Error: x', ...kept].join('\n'))
  })
}
