// What a worker that leaves says: to clients that it has not greeted yet, nothing before its hello; to later calls, that it stops.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BYE, HELLO, textFrame } from '../../src/js_host/runtime/frames.mjs'
import { LEAVING } from '../../src/js_host/runtime/worker.mjs'
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

for (const how of ['drains', 'was told to drain, and has not noticed yet']) {
  test(`a worker that ${how} calls no function unknown: its successor may have it`, async (t) => {
    const { worker, connect } = await serve(t)
    const client = await connect()
    assert.equal((await client.ask('brandNew')).value.type, 'unknown-function')
    if (how === 'drains') worker.drain(() => {})
    else worker.cells[LEAVING] = 1
    if (how === 'drains') assert.equal((await client.next()).kind, BYE)
    assert.equal((await client.ask('brandNew')).value.type, 'stopping')
  })
}
