import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig, readConfig, toBytes } from '../../src/js_host/runtime/config.mjs'
import { directory, fixture } from './helper.mjs'

const FILE = '/project/host.config.js'
const read = (config) => readConfig({ default: config }, FILE)
const names = ({ functions }) => Object.keys(functions)

test('a CommonJS config gives its functions, its settings and whatever else it holds', async () => {
  const config = await loadConfig(fixture('commonjs.cjs'))
  assert.deepEqual(names(config), ['greet', 'math.double'])
  assert.equal(config.port, 8123)
  assert.equal(config.requestDataLimit, 10 * 1024 * 1024)
  assert.equal(config.raw.production, true)
  assert.equal(config.file, fixture('commonjs.cjs'))
})

test('an ES module gives its exported functions, but not classes and reserved names', async () => {
  const config = await loadConfig(fixture('esm.mjs'))
  assert.deepEqual(names(config), ['greet', 'later'])
  assert.equal(config.port, 8124)
  assert.equal(config.raw.theme, 'dark')
})

test('with a key `functions`, only its entries and functions exported by name count', async () => {
  const config = await loadConfig(fixture('mixed.mjs'))
  assert.deepEqual(names(config), ['listed', 'named'])
  assert.equal(config.raw.extra(), 2)
  assert.equal(config.address, '127.0.0.2')
})

test('without a key `functions`, CommonJS exports that are functions count', async () => {
  const config = await loadConfig(fixture('unlisted.cjs'))
  assert.deepEqual(names(config), ['greet'])
  assert.equal(config.port, 8125)
})

test('an ES module that was compiled to CommonJS is read as the module it was', async () => {
  const config = await loadConfig(fixture('compiled.cjs'))
  assert.deepEqual(names(config), ['greet'])
  assert.equal(config.port, 8126)
})

test('TypeScript is read where this Node can, and refused with the version that can where it can not', async () => {
  process.removeAllListeners('warning') // Node 22 says that the feature is experimental
  if (process.features.typescript) {
    assert.deepEqual(names(await loadConfig(fixture('typed.mts'))), ['greet'])
  } else {
    await assert.rejects(loadConfig(fixture('typed.mts')), { code: 'JS_HOST_TYPESCRIPT', hint: /Node 22\.18/ })
  }
})

test('what is not written has a default', () => {
  const config = read({ functions: {} })
  assert.equal(config.address, '127.0.0.1')
  assert.equal(config.port, 9009)
  assert.equal(config.requestDataLimit, 256 * 1024 * 1024)
  assert.equal(config.disconnectTimeout, 5000)
  assert.equal(config.logger, null)
  assert.equal(config.extendHost, null)
})

test('functions see the checked settings in host.config', () => {
  const { raw } = read({ port: '81', requestDataLimit: '1kb', functions: { f () {} }, extra: 1 })
  assert.equal(raw.port, 81)
  assert.equal(raw.requestDataLimit, 1024)
  assert.equal(raw.extra, 1)
})

test('the table of functions has no prototype, and a function may be called __proto__', () => {
  const config = read({ functions: { ['__proto__']: () => 1, constructor: () => 2 } })
  assert.equal(Object.getPrototypeOf(config.functions), null)
  assert.deepEqual(names(config), ['__proto__', 'constructor'])
})

test('functions inside nested objects are not offered', () => {
  assert.deepEqual(names(read({ greet: () => 1, nested: { inner: () => 2 } })), ['greet'])
})

test('the config object itself is left as it was', () => {
  const written = { functions: { f () {} } }
  read(written)
  assert.deepEqual(Object.keys(written), ['functions'])
})

test('a missing file is named, and so is the config beside it', async (t) => {
  const path = directory(t, { 'host.config.mjs': 'export const a = () => 1' })
  const missing = { code: 'JS_HOST_CONFIG_MISSING', message: /There is no config file .*host\.config\.js/, hint: /There is .*host\.config\.mjs/ }
  await assert.rejects(loadConfig(join(path, 'host.config.js')), missing)
  await assert.rejects(loadConfig('/nowhere/host.config.js'), { code: 'JS_HOST_CONFIG_MISSING', hint: /Create it/ })
})

test('a directory is refused, with the config that is in it', async (t) => {
  const path = directory(t, { 'host.config.js': '' })
  await assert.rejects(loadConfig(path), { code: 'JS_HOST_CONFIG_DIRECTORY', hint: `Name the file: ${join(path, 'host.config.js')}` })
})

test('a file of JSON is refused as one', async (t) => {
  const path = directory(t, { 'host.config.json': '{"functions": {}}' })
  await assert.rejects(loadConfig(join(path, 'host.config.json')), { code: 'JS_HOST_CONFIG_JSON', hint: /in JavaScript/ })
})

for (const [exported, found] of [[{}, 'nothing'], [{ default: 42 }, '42 (number)'], [{ default: Promise.resolve({}) }, 'a promise'], [{ default: () => 1 }, 'one function without a name']]) {
  test(`a config that exports ${found} is told so`, () => {
    assert.throws(() => readConfig(exported, FILE), (error) => error.hint.startsWith(`It exports ${found}`))
  })
}

for (const [what, exported] of [['nothing', {}], ['an empty object', { default: {} }], ['one nameless function', { default: () => 1 }], ['a string', { default: 'x' }], ['an array', { default: [1] }]]) {
  test(`a config that exports ${what} is refused`, () => {
    assert.throws(() => readConfig(exported, FILE), { name: 'ConfigError', code: 'JS_HOST_CONFIG_EMPTY', message: /does not export an object.*project/ })
  })
}

for (const functions of [1, 'x', [() => 1], new Map(), true]) {
  test(`functions: ${typeof functions === 'object' ? functions.constructor.name : functions} is refused`, () => {
    assert.throws(() => read({ functions }), { code: 'JS_HOST_FUNCTIONS', message: /must be an object of names and functions/ })
  })
}

for (const entry of [1, null, {}, 'x', undefined, class Page {}]) {
  test(`an entry of functions that is ${entry?.name ?? JSON.stringify(entry)} is refused by name`, () => {
    assert.throws(() => read({ functions: { greet: entry } }), { code: 'JS_HOST_NOT_A_FUNCTION', message: /functions\.greet in \/project/, hint: /Write greet:/ })
  })
}

test('one name for two functions is refused', () => {
  const exported = { default: { functions: { greet: () => 1 } }, greet: () => 2 }
  assert.throws(() => readConfig(exported, FILE), { code: 'JS_HOST_FUNCTION_DUPLICATE', message: /already been defined with the name "greet"/ })
})

const WRONG = {
  port: [-1, 65536, 1.5, 'http', null, NaN],
  address: ['', 1, null],
  requestDataLimit: ['ten', -1, 0, 1.5, null, '5gb', {}],
  disconnectTimeout: [-1, '5', null, Infinity],
  logger: [1, {}, { info () {} }],
  extendHost: [1, {}],
  warmup: ['render', {}],
  allowedHosts: ['name', [1], null]
}
for (const [name, values] of Object.entries(WRONG)) {
  for (const value of values) {
    test(`${name}: ${JSON.stringify(value)} is refused`, () => {
      const expected = { code: 'JS_HOST_CONFIG_VALUE', message: new RegExp(`^\`${name}\` in /project/host.config.js must be`), hint: new RegExp(name) }
      assert.throws(() => read({ [name]: value, functions: {} }), expected)
    })
  }
}

test('sizes are numbers of bytes, or text with a unit', () => {
  assert.deepEqual(['10mb', '512kb', '1.5kb', '7', '7b', '1 GB', 42].map(toBytes), [10485760, 524288, 1536, 7, 7, 1073741824, 42])
  assert.ok(Number.isNaN(toBytes('lots')))
})
