// What a worker that leaves says to clients that it has not greeted yet: nothing before its hello.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BYE, HELLO, textFrame } from '../../src/js_host/runtime/frames.mjs'
import { serve as serveFunctions, until } from './client.mjs'

const serve = (t) => serveFunctions(t, { echo: (data) => data })

test('a client that greets a draining worker hears its hello first, and then that it takes no more calls', async (t) => {
  const { worker, connect } = await serve(t)
  const client = await connect(false)
  await until(() => worker.connections.size === 1)
  worker.drain(() => {})
  await client.greet()
  const bye = await client.next()
  assert.deepEqual([bye.kind, bye.value.reason], [BYE, 'draining'])
})

test('who was not greeted hears no goodbye, which it would take for no hello', async (t) => {
  const { worker, connect } = await serve(t)
  const client = await connect(false)
  await until(() => worker.connections.size === 1)
  worker.goodbye({ reason: 'exit', message: 'm' })
  client.send(textFrame(0, HELLO, '{"protocol":1,"version":"1.0.0"}'))
  assert.equal((await client.next()).kind, HELLO)
})
