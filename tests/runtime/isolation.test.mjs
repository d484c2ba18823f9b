// Calls that share a connection, and what each of them enters by AsyncLocalStorage.

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'node:test'
import { STREAM } from '../../src/js_host/runtime/frames.mjs'
import { SLOTS } from '../../src/js_host/runtime/attribution.mjs'
import { call, serve } from './client.mjs'

const user = new AsyncLocalStorage()
const functions = {
  enters: (name) => { user.enterWith(name); return user.getStore() },
  entersAndGoesOn: async (name) => { user.enterWith(name); await null; return user.getStore() },
  entersAndStreams: async function * (name) { user.enterWith(name); yield user.getStore() },
  who: () => user.getStore() ?? 'nobody',
  whoGoesOn: async () => { await null; return user.getStore() ?? 'nobody' }
}

const others = (id) => [call(id, 'who', null), call(id + 1, 'whoGoesOn', null)]

test('nothing that a call enters by AsyncLocalStorage is seen by another one', async (t) => {
  for (const [enters, frames] of [['enters', 1], ['entersAndGoesOn', 1], ['entersAndStreams', 2]]) {
    const client = await (await serve(t, functions)).connect()
    client.send(call(1, enters, 'alice', { flags: STREAM }), ...others(2))
    const answers = []
    while (answers.length < frames + 2) answers.push(await client.next())
    assert.equal(answers.find(({ id }) => id === 1).value, 'alice')
    assert.deepEqual(answers.filter(({ id }) => id > 1).map(({ value }) => value), ['nobody', 'nobody'])
    for (let i = 0; i <= SLOTS; i++) {
      client.send(...others(10))
      assert.deepEqual([(await client.next()).value, (await client.next()).value], ['nobody', 'nobody'])
    }
  }
})
