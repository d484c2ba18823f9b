// Connections that do not read into their own buffer: over TLS bytes are given to them, and an upgrade may bring some along.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { Connection } from '../../src/js_host/runtime/connection.mjs'
import { BYE, HELLO, READ_SIZE, RESULT, textFrame } from '../../src/js_host/runtime/frames.mjs'
import { takeHandle } from '../../src/js_host/runtime/upgrade.mjs'
import { Worker } from '../../src/js_host/runtime/worker.mjs'
import { Client, LIMIT, call, serve } from './client.mjs'
import { directory, hostOf } from './helper.mjs'

const GREETING = textFrame(0, HELLO, '{"protocol":1,"version":"1.0.0"}')

function busy (ms) {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** A worker whose connections are opened by `open(worker, socket)`, and clients of it. */
async function serveWith (t, open) {
  const worker = new Worker(await hostOf({ requestDataLimit: LIMIT, functions: { echo: (data) => data, slow: () => busy(5) } }))
  const path = join(directory(t), 's')
  const server = net.createServer({ pauseOnConnect: true }, (socket) => open(worker, socket))
  server.listen(path)
  await once(server, 'listening')
  const clients = []
  t.after(() => { server.close(); for (const client of clients) client.socket.destroy() })
  return { worker, connect: () => new Client(path, clients) }
}

const asStream = (worker, socket) => { new Connection(worker, { stream: socket }) } // eslint-disable-line no-new

for (const [how, open] of [['is fed', asStream], ['reads', (worker, socket) => { new Connection(worker, takeHandle(socket)) }]]) { // eslint-disable-line no-new
  test(`a frame that breaks the rules and fills the buffer ends a connection that ${how} with a goodbye`, async (t) => {
    const { connect } = await serveWith(t, open)
    for (const size of [60_000, READ_SIZE - 16, READ_SIZE]) {
      const client = await connect().greet()
      client.send(textFrame(1, 99, 'x'.repeat(size)), Buffer.alloc(20_000))
      const frame = await client.next()
      assert.deepEqual([frame.kind, frame.value.reason], [BYE, 'protocol'])
      await client.closed
    }
    assert.equal((await (await connect().greet()).ask('echo', 1)).value, 1)
  })
}

test('slow calls that are fed at once are answered one after the other', async (t) => {
  const { connect, worker } = await serveWith(t, asStream)
  const client = await connect().greet()
  const [connection] = worker.connections
  const { flush } = connection
  let flushes = 0
  connection.flush = () => { flushes++; flush() }
  client.send(...[1, 2, 3, 4].map((id) => call(id, 'slow', null)))
  for (let answers = 0; answers < 4; answers++) await client.next()
  assert.ok(flushes >= 4, `${flushes}`)
})

for (const cut of [0, 5, 16, 20, GREETING.length, GREETING.length + 5, GREETING.length + 30, 1e6]) {
  test(`an upgrade may bring ${cut} bytes of what follows along`, async (t) => {
    const bytes = Buffer.concat([GREETING, call(1, 'echo', 'first'), call(2, 'echo', 'x'.repeat(20_000)), call(3, 'slow', null), call(4, 'slow', null)])
    const { connect } = await serveWith(t, (worker, socket) => { new Connection(worker, takeHandle(socket), bytes.subarray(0, cut)) }) // eslint-disable-line no-new
    const client = connect()
    client.send(bytes.subarray(cut))
    const frames = []
    for (let i = 0; i < 5; i++) frames.push(await client.next())
    assert.deepEqual(frames.map(({ kind, id }) => [kind, id]), [[HELLO, 0], [RESULT, 1], [RESULT, 2], [RESULT, 3], [RESULT, 4]])
    assert.deepEqual([frames[1].value, frames[2].attachments[0].length], ['first', 20_000])
  })
}
