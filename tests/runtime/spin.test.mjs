import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Spinner } from '../../src/js_host/runtime/spin.mjs'

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
  assert.equal(spinner.turning, false)
  assert.equal(spinner.skip, 2)
  spinner.answered(true)
  spinner.answered(true)
  assert.equal(spinner.turning, false)
  spinner.answered(true)
  assert.equal(spinner.turning, true)
})

test('a loop that was interrupted for another process rests for many times as long', () => {
  const spinner = new Spinner(200)
  Object.assign(spinner, { turning: true, until: Infinity, lastTurn: 1000 })
  spinner.next(1005)
  assert.equal(spinner.turning, false)
  assert.equal(spinner.restUntil, 1005 + 5 * 30)
})

test('without a limit the loop never turns', () => {
  const spinner = new Spinner(0)
  spinner.answered(true)
  assert.equal(spinner.turning, false)
})
