// The name of a traced call: that of the function, and a traceparent.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitName } from '../../src/js_host/runtime/traces.mjs'
import { serve } from './client.mjs'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

const functions = {
  seen: (data, context = null) => context.traceparent ?? null,
  callback: function (data, cb) { cb(null, this.traceparent ?? null) }
}

test('a name is taken apart where a traceparent follows it, and else is as it was', () => {
  assert.deepEqual(splitName(`grüße\0${TRACEPARENT}`), { name: 'grüße', traceparent: TRACEPARENT })
  for (const name of ['greet', 'greet\0', 'greet\0forged', `greet\0${TRACEPARENT}0`, `greet\0${TRACEPARENT.toUpperCase()}`, `greet ${TRACEPARENT}`]) {
    assert.deepEqual(splitName(name), { name, traceparent: undefined })
  }
})

for (const name of ['seen', 'callback']) {
  test(`a function reads the traceparent of its own call: ${name}`, async (t) => {
    const client = await (await serve(t, functions)).connect()
    assert.equal((await client.ask(`${name}\0${TRACEPARENT}`)).value, TRACEPARENT)
    assert.equal((await client.ask(name)).value, null)
  })
}

test('an unknown function is named without the traceparent', async (t) => {
  const client = await (await serve(t, functions)).connect()
  assert.match((await client.ask(`nothing\0${TRACEPARENT}`)).value.message, /no function named "nothing"\. It has/)
})
