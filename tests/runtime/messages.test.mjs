// What callers are told of calls that had no result: each message says what was seen, and what to do.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timedOut, unknownFunction } from '../../src/js_host/runtime/messages.mjs'
import './helper.mjs'

test('a timeout tells how long the call had, as its caller wrote it', () => {
  for (const [left, told] of [[10_000, '10 s'], [1_987, '2 s'], [497, '0.5 s'], [12, '0.02 s'], [90_500, '90.5 s']]) {
    assert.equal(timedOut(left, false, false).message, `no result within ${told}. If it needs longer, give it a longer \`timeout\`. The wait for a worker counts, too.`)
  }
})

test('a timeout of a callback-style function tells what its result would have been, and how to take the context', () => {
  assert.match(timedOut(1000, true, false).message, /^no result within 1 s\. .*`cb\(null, result\)`.*`\(data, context = null\)`\.$/)
})

test('a timeout in the middle of a stream speaks of its parts', () => {
  assert.match(timedOut(1000, true, true).message, /^no further part of its stream within 1 s\. If it needs longer/)
})

test('an unknown function is told with those that there are, or with how to write one', () => {
  assert.equal(unknownFunction('a"b', ['c', 'd']).message, 'The config has no function named "a\\"b". It has: c, d.')
  assert.match(unknownFunction('a', []).message, /^The config has no function named "a"\. It exports none: write module\.exports = /)
})
