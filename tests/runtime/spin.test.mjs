import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Spinner } from '../../src/js_host/runtime/spin.mjs'

const caller = { mailbox: null, arrival: 0, look: () => {} }

test('a request that follows the last answer closely is close, another is not', () => {
  const spinner = new Spinner(200)
  spinner.lastAnswer = 1000
  assert.equal(spinner.isClose(1000.01), true)
  assert.equal(spinner.isClose(1000.2), false)
  assert.equal(new Spinner(0).isClose(0), false)
})

test('the loop turns for about twice as long as the last requests took to come', () => {
  const spinner = new Spinner(200)
  spinner.lastAnswer = 1000
  spinner.isClose(1000.05)
  assert.ok(Math.abs(spinner.span - 0.1) < 1e-6)
  spinner.isClose(1000.001)
  assert.equal(spinner.span, 0.03)
})

test('the loop sleeps when the span is over, and does without after that', () => {
  const spinner = new Spinner(200)
  Object.assign(spinner, { turning: true, until: 1000, lastTurn: 999.9 })
  spinner.next(1000.1)
  assert.deepEqual([spinner.turning, spinner.skip], [false, 0])
  spinner.inVain()
  spinner.inVain()
  assert.equal(spinner.skip, 2)
  spinner.answered(true, caller)
  spinner.answered(true, caller)
  assert.equal(spinner.turning, false)
  spinner.answered(true, caller)
  assert.equal(spinner.turning, true)
})

test('what was in vain counts in a row, up to a bound', () => {
  const spinner = new Spinner(200)
  for (let i = 0; i < 20; i++) spinner.inVain()
  assert.equal(spinner.skip, 64)
  Object.assign(spinner, { lastAnswer: 1000, turning: true })
  spinner.isClose(1000.01)
  spinner.inVain()
  assert.equal(spinner.skip, 0)
})

test('a loop that was interrupted twice for other processes rests for many times as long, not for ever', () => {
  for (const [spent, rest] of [[3, 180], [5, 250]]) {
    const spinner = new Spinner(200)
    Object.assign(spinner, { turning: true, until: Infinity, lastTurn: 1000 })
    spinner.next(1000 + spent)
    assert.deepEqual([spinner.turning, spinner.restUntil], [true, -Infinity])
    spinner.next(1000 + 2 * spent)
    const until = 1000 + 2 * spent + rest
    assert.deepEqual([spinner.turning, spinner.restUntil], [false, until])
    spinner.lastTurn = until
    spinner.next(until + 90)
    assert.equal(spinner.restUntil, until + 90 + 250, 'so soon after a rest, once is enough')
    spinner.until = 0
  }
})

test('a loop that is interrupted now and then goes on', () => {
  const spinner = new Spinner(200)
  for (const now of [60, 260, 460]) {
    Object.assign(spinner, { turning: true, until: Infinity, lastTurn: now - 50 })
    spinner.next(now)
    assert.equal(spinner.turning, true)
  }
  spinner.until = 0 // it would turn for ever
})

test('without a limit the loop never turns', () => {
  const spinner = new Spinner(0)
  spinner.answered(true, caller)
  assert.equal(spinner.turning, false)
})
