import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Attribution, SLOTS } from '../../src/js_host/runtime/attribution.mjs'
import { Call } from '../../src/js_host/runtime/functions.mjs'
import { captureConsole } from '../../src/js_host/runtime/logger.mjs'
import { LONGEST_RECORD, MOST_CHARACTERS, MOST_LINES, Records } from '../../src/js_host/runtime/records.mjs'
import { Worker } from '../../src/js_host/runtime/worker.mjs'
import { hostOf } from './helper.mjs'

const host = await hostOf({ functions: { f () {} } })

/** Records that are kept as objects. */
function keeping () {
  const lines = []
  const records = new Records((line) => lines.push(JSON.parse(line.slice(1))))
  return { lines, records }
}

test('a record is one line, with level, text and whose it is', () => {
  const written = []
  const records = new Records((line) => written.push(line))
  records.record('info', 'a\nb')
  records.attribute = () => new Call(7, 'greet', 0, 0, false, 12)
  records.record('warn', 'c')
  assert.deepEqual(written, ['\x1e{"level":"info","text":"a\\nb"}\n', '\x1e{"level":"warn","text":"c","function":"greet","call":12}\n'])
})

test('a call says so many lines in a second; the rest is counted and told, and others are not held back', () => {
  const { lines, records } = keeping()
  const [loud, quiet] = [new Call(1, 'loud', 0, 0, false, 1), new Call(2, 'quiet', 0, 0, false, 2)]
  records.attribute = () => loud
  for (let i = 0; i < MOST_LINES + 500; i++) records.record('info', String(i))
  assert.equal(lines.length, MOST_LINES)
  records.attribute = () => quiet
  records.record('info', 'hello')
  assert.equal(lines.pop().function, 'quiet')
  records.tellAll()
  assert.deepEqual([lines.length, lines.at(-1).level, lines.at(-1).function], [MOST_LINES + 1, 'warn', 'loud'])
  assert.match(lines.at(-1).text, /^500 lines were dropped/)
  records.tellAll()
  assert.equal(lines.length, MOST_LINES + 1)
})

test('long lines count for what they hold, and each is cut', () => {
  const { lines, records } = keeping()
  for (let i = 0; i < 100; i++) records.record('info', 'x'.repeat(LONGEST_RECORD + 5))
  assert.ok(lines.length <= MOST_CHARACTERS / LONGEST_RECORD + 1)
  assert.equal(lines[0].text, 'x'.repeat(LONGEST_RECORD) + '… (5 more characters)')
})

test('what was dropped is told after a second, and then there is room again', async () => {
  const { lines, records } = keeping()
  for (let i = 0; i < MOST_LINES + 3; i++) records.record('info', 'x')
  while (lines.length === MOST_LINES) await sleep(20)
  assert.match(lines.at(-1).text, /^3 lines were dropped/)
  records.record('info', 'again')
  assert.equal(lines.at(-1).text, 'again')
})

test('a line that is not admitted is not put into words', () => {
  const { lines, records } = keeping()
  let shown = 0
  const value = { toString () { shown++; return 'x' } }
  const release = captureConsole((level, text) => records.record(level, text), () => records.admit())
  for (let i = 0; i < MOST_LINES + 10; i++) console.info(`%s`, value)
  release()
  assert.deepEqual([lines.length, shown], [MOST_LINES, MOST_LINES])
})

test('a context is lent to one call after the other, and late lines keep the name of theirs', async () => {
  const worker = new Worker(host)
  const attribution = worker.attribution = new Attribution(worker, '24.0.0')
  const calls = Array.from({ length: SLOTS + 10 }, (_, i) => new Call(i, 'f', 0, 0, false, i))
  const say = (call) => attribution.within(call, async () => { await sleep(5); return attribution.current()?.number })
  const found = await Promise.all(calls.map(say))
  assert.deepEqual(found, calls.map(({ number }) => number < SLOTS ? number : undefined))
  const late = say(calls[7])
  for (const call of calls) if (call.slot !== null) attribution.giveBack(call)
  assert.equal(await late, 7)
  const next = new Call(1, 'g', 0, 0, false, 5000)
  assert.equal(await say(next), 5000)
  assert.equal(next.slot, calls[0].slot)
})

test('what is on the stack is the call; else what Node knows, from 24 on; else the only one that waits', async () => {
  for (const version of ['22.0.0', '24.0.0']) {
    const worker = new Worker(host)
    worker.attribution = new Attribution(worker, version)
    const { attribution } = worker
    const [one, two] = [1, 2].map((id) => new Call(id, 'f', 0, 0, false, id))
    assert.equal(attribution.current(), null)
    worker.begin(one)
    assert.equal(attribution.current(), one)
    worker.pause()
    worker.wait(two, () => {})
    assert.equal(attribution.current(), two)
    const later = attribution.within(one, async () => { await null; return attribution.current() })
    assert.equal(await later, version === '22.0.0' ? two : one)
    worker.wait(one, () => {})
    assert.equal(attribution.current(), null)
  }
})
