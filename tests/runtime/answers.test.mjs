// What is sent of results and errors, byte by byte.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMIT, serve } from './client.mjs'

test('an error that is over the limit is told by its beginning, and the connection goes on', async (t) => {
  const page = 'x'.repeat(60_000)
  const thrown = { large: Object.assign(new TypeError('it fails'), { a: page, b: page, c: page, d: page }), long: new RangeError('\0'.repeat(60_000)) }
  const { connect } = await serve(t, { throws: (key) => { throw thrown[key] }, echo: (data) => data })
  const client = await connect()
  for (const [key, error] of Object.entries(thrown)) {
    const { value, frame } = await client.ask('throws', key)
    assert.ok(frame.length <= LIMIT, `${frame.length} bytes`)
    assert.deepEqual([value.type, value.name, value.maybeExecuted], ['error', error.name, true])
    assert.ok(value.message.startsWith(error.message.slice(0, 8)))
    assert.match(value.stack, new RegExp(`^${error.name}: `))
  }
  assert.equal((await client.ask('echo', 1)).value, 1)
})
