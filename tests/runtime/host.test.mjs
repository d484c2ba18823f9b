import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { VERSION } from '../../src/js_host/runtime/host.mjs'
import { hostOf, keepingLogger, RUNTIME } from './helper.mjs'

test('the status is what the original tells: type, version, and the config with the names of the functions; and counters', async () => {
  const host = await hostOf({ port: 81, theme: 'dark', functions: { b () {}, a () {} }, extendHost () {} })
  assert.deepEqual(JSON.parse(JSON.stringify(host.status())), {
    type: 'Host',
    version: VERSION,
    config: { address: '127.0.0.1', port: 81, requestDataLimit: 268435456, maxConnections: 10_000, allowedHosts: [], theme: 'dark', functions: ['b', 'a'] },
    counters: { calls: 0, repeatedCallbacks: 0, lateErrors: 0, abandoned: 0, refusedRequests: 0, refusedConnections: 0, wrongTokens: 0 }
  })
})

test('what JSON can not say is left out of the status', async () => {
  const circular = {}
  circular.self = circular
  const host = await hostOf({ circular, big: 1n, fn: () => 1, fine: 1, functions: {} })
  const { config } = JSON.parse(JSON.stringify(host.status()))
  assert.equal(config.fine, 1)
  assert.ok(!('circular' in config || 'big' in config || 'fn' in config || 'logger' in config || 'disconnectTimeout' in config))
})

test('extendHost may add functions, at once or later', async () => {
  const now = await hostOf({ a: 1, extendHost (host) { host.addFunction('added', () => 1) } })
  const later = await hostOf({ a: 1, async extendHost (host) { await null; host.addFunction('added', () => 1) } })
  assert.deepEqual([now, later].map((host) => host.status().config.functions), [['added'], ['added']])
})

test('extendHost that fails is the error of the start', async () => {
  await assert.rejects(hostOf({ a: 1, extendHost () { throw new Error('no') } }), { message: 'no' })
})

test('warmup runs when it is asked for, and not when the host is made; it is no function to call', async () => {
  const warm = []
  const host = await hostOf({ a: 1, functions: { b () {} }, warmup: async (host) => { await null; warm.push(host) } })
  assert.deepEqual([warm, Object.keys(host.functions)], [[], ['b']])
  await host.warmUp()
  assert.deepEqual(warm, [host])
  await (await hostOf({ functions: {} })).warmUp()
  await assert.rejects((await hostOf({ functions: {}, warmup () { throw new Error('cold') } })).warmUp(), { message: 'cold' })
})

test('a second function of one name is refused', async () => {
  const host = await hostOf({ functions: { greet () {} } })
  assert.throws(() => host.addFunction('greet', () => 1), { message: 'A function has already been defined with the name "greet"' })
})

test('names of Object.prototype are no functions', async () => {
  const host = await hostOf({ functions: { greet () {} } })
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'greet.call', '']) assert.equal(host.find(name), undefined)
  host.addFunction('constructor', () => 'mine')
  assert.equal(host.find('constructor').name, 'constructor')
})

test("the config's logger is used, else the one that is given", async () => {
  const logger = keepingLogger()
  assert.equal((await hostOf({ logger, functions: {} })).logger, logger)
})

test('the version is that of package.json, and the same as that of the Python package', () => {
  assert.equal(VERSION, JSON.parse(readFileSync(join(RUNTIME, 'package.json'), 'utf8')).version)
  const python = readFileSync(join(RUNTIME, '..', '__init__.py'), 'utf8')
  assert.equal(VERSION, /__version__ = "(.+)"/.exec(python)[1])
})
