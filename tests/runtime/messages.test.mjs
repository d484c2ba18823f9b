// What callers are told of calls that had no result: each message says what was seen, and what to do.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameError } from '../../src/js_host/runtime/frames.mjs'
import { readOffer, timedOut, unknownFunction } from '../../src/js_host/runtime/messages.mjs'
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

for (const [asked, meant] of [['helo_world', 'hello_world'], ['helloWorld', 'hello_world'], ['Hello-World', 'hello_world'], ['dobule', 'double']]) {
  test(`who asks for ${asked} is asked whether ${meant} was meant`, () => {
    const { message } = unknownFunction(asked, ['f', 'double', 'hello_world'])
    assert.equal(message, `The config has no function named "${asked}". Did you mean "${meant}"? It has: f, double, hello_world.`)
  })
}

test('a name that is like no other is not taken for one', () => {
  for (const name of ['g', '', 'farewell', 'x'.repeat(10_000)]) {
    assert.doesNotMatch(unknownFunction(name, ['f', 'double', 'hello_world']).message, /Did you mean/)
  }
})

test('of many functions the first thirty are named', () => {
  const names = Array.from({ length: 45 }, (_, i) => `function_${i}`)
  assert.match(unknownFunction('?', names).message, /It has: function_0, .*function_29, and 15 more: `js-host functions` lists them\.$/)
})

test('the offer of a mailbox is read, whatever it says, unless it is no JSON', () => {
  const read = (text) => readOffer(Buffer.from(`x${text}x`), 1, 1 + text.length)
  assert.deepEqual(read('{"pid":5,"descriptor":9}'), { pid: 5, descriptor: 9 })
  assert.deepEqual(read('null'), {})
  assert.throws(() => read('{'), FrameError)
})
