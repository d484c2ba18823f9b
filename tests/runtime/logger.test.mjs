import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { alsoWrite, captureConsole, createLogger, writeToFile } from '../../src/js_host/runtime/logger.mjs'
import { directory, keepingLogger } from './helper.mjs'

/** What is written while `work` has the console captured. */
function captured (work) {
  const records = []
  const release = captureConsole((level, text) => records.push([level, text]))
  try {
    work()
  } finally {
    release()
  }
  return records
}

test('a logger has the methods of console, and formats as console does', () => {
  const records = []
  const logger = createLogger((level, text) => records.push([level, text]))
  logger.info('%s is %d', 'a', 1, { b: 2 })
  logger.log('x')
  logger.warn('x')
  logger.error(new Error('bad').message)
  logger.debug('x')
  logger.trace('x')
  assert.deepEqual(records, [['info', 'a is 1 { b: 2 }'], ['info', 'x'], ['warn', 'x'], ['error', 'bad'], ['debug', 'x'], ['debug', 'x']])
})

test('the default logger goes through the console, so that who captures that has both', () => {
  assert.deepEqual(captured(() => createLogger().error('100% %s')), [['error', '100% %s']])
})

test('a captured console writes each call once, with its level', () => {
  const records = captured(() => {
    console.log('log %s', 'it')
    console.info('info')
    console.debug('debug')
    console.warn('warn')
    console.error('error\nin two lines')
  })
  assert.deepEqual(records, [['info', 'log it'], ['info', 'info'], ['debug', 'debug'], ['warn', 'warn'], ['error', 'error\nin two lines']])
})

test('a captured console keeps objects, tables, groups, counters and assertions', () => {
  const records = captured(() => {
    console.dir({ a: { b: { c: {} } } }, { depth: 0 })
    console.group('outer')
    console.log('inner')
    console.groupEnd()
    console.count('times')
    console.assert(false, 'wrong')
    console.assert(true, 'right')
    console.table([{ a: 1 }])
  })
  assert.deepEqual(records.slice(0, 5), [['info', '{ a: [Object] }'], ['info', 'outer'], ['info', '  inner'], ['info', 'times: 1'], ['warn', 'Assertion failed: wrong']])
  assert.equal(records.length, 6)
  assert.match(records[5][1], /│ a │/)
})

test('a captured console gives the stack of a trace', () => {
  const [[level, text]] = captured(() => console.trace('here'))
  assert.equal(level, 'debug')
  assert.match(text, /^Trace: here\n +at .*logger\.test/s)
})

test('methods that were taken off the console still reach the log', () => {
  assert.deepEqual(captured(() => { const { log } = console; log('free') }), [['info', 'free']])
})

test('the console is as before when it is released', () => {
  const before = console.log
  captured(() => assert.notEqual(console.log, before))
  assert.equal(console.log, before)
})

test('a log file gets a line with time and level, after what it held', (t) => {
  const file = join(directory(t, { 'host.log': 'before\n' }), 'host.log')
  writeToFile(file)('warn', 'careful')
  assert.match(readFileSync(file, 'utf8'), /^before\n\d{4}-\d\d-\d\dT[\d:.]+Z warn: careful\n$/)
})

test('a log file that can not be opened is an error at once', () => {
  assert.throws(() => writeToFile('/nowhere/host.log'), { code: 'ENOENT' })
})

test('a full disk costs the line, not the call', { skip: process.platform !== 'linux' }, () => {
  writeToFile('/dev/full')('info', 'lost')
})

test('a logger can be heard by a second one, and keeps its other methods', () => {
  const records = []
  const logger = Object.assign(keepingLogger(), { silly: () => 'kept' })
  const both = alsoWrite(logger, (level, text) => records.push([level, text]))
  both.info('a %s', 'b')
  assert.deepEqual(records, [['info', 'a b']])
  assert.deepEqual(logger.records, [['info', 'a %s b']])
  assert.equal(both.silly(), 'kept')
})
