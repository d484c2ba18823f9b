// What the fuzzer gives bytes to: everything in JavaScript that reads what came over a socket.
//
// The first byte of an input chooses the target. A target lets only errors that the runtime expects out, and checks what it can.

import assert from 'node:assert/strict'
import net from 'node:net'
import { once } from 'node:events'
import { readFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from '../../../src/js_host/runtime/connection.mjs'
import { FrameError, FrameReader, HELLO, RESULT, RICH, readUint32, splitRich, textFrame } from '../../../src/js_host/runtime/frames.mjs'
import { readConfig } from '../../../src/js_host/runtime/config.mjs'
import { Host } from '../../../src/js_host/runtime/host.mjs'
import { readHello } from '../../../src/js_host/runtime/messages.mjs'
import { takeHandle } from '../../../src/js_host/runtime/upgrade.mjs'
import { decodeValue, valueFrame } from '../../../src/js_host/runtime/values.mjs'
import { Worker } from '../../../src/js_host/runtime/worker.mjs'

const LIMIT = 200_000
const GREETING = textFrame(0, HELLO, '{"protocol":1,"version":"1.0.0"}')

/** What the worker has logged as a defect of its own: there must be none. */
const logged = []
const logger = { info () {}, log () {}, warn () {}, debug () {}, error: (error) => { logged.push(error) } }

const functions = {
  echo: (data) => data,
  never: () => new Promise(() => {}),
  f: (data, cb) => cb(null, data),
  * parts (n) { for (let i = 0; i < 5; i++) yield n },
  ask: async (data) => { for await (const row of data.rows) await data.fn(row) }
}

const worker = new Worker(await Host.create(readConfig({ default: { logger, requestDataLimit: LIMIT, functions } }, '/project/host.config.js')))
const path = join(mkdtempSync(join(tmpdir(), 'js-host-fuzz-')), 's')
const server = net.createServer({ pauseOnConnect: true }).listen(path)
await once(server, 'listening')
server.unref()

/** Frames are the same however their bytes are cut; the first byte is the length of a piece. */
function frames (data) {
  if (data.length === 0) return
  const whole = readAll(data.subarray(1), data.length)
  const cut = readAll(data.subarray(1), data[0] + 1)
  if (whole !== null && cut !== null) assert.deepEqual(cut, whole)
  else assert.equal(cut, whole)
}

function readAll (stream, piece) {
  const found = []
  const reader = new FrameReader((bytes, at, length) => { found.push(Buffer.from(bytes.subarray(at, at + 16 + length))) }, LIMIT)
  try {
    for (let at = 0; at < stream.length;) {
      const buffer = reader.getBuffer()
      const count = stream.copy(buffer, 0, at, Math.min(at + piece, at + buffer.length))
      reader.received(count)
      at += count
    }
  } catch (error) {
    expect(error)
    return null
  }
  return found
}

/** What was read can be written again, and is then read as the same. Prototypes are as before. */
function plain (data, flags = 0) {
  let value, frame
  try {
    value = decodeValue(data, 0, data.length, flags, false, null)
    frame = valueFrame(1, RESULT, value)
  } catch (error) {
    if (!(error instanceof Error)) throw error       // any Error becomes a bad-value of the call
    return
  }
  const bytes = Array.isArray(frame) ? Buffer.concat(frame) : frame
  const again = decodeValue(bytes, 16, bytes.length, bytes[9], false, null)
  if (flags === 0) assert.deepEqual(again, value)
  assert.equal(readUint32(bytes, 0), bytes.length - 16)
}

function rich (data) {
  try {
    const part = splitRich(data, 0, data.length)
    assert.ok(part.start <= part.end && part.end <= data.length)
  } catch (error) {
    expect(error)
  }
  plain(data, RICH)
}

function hello (data) {
  try {
    readHello(data, 0, data.length)
  } catch (error) {
    expect(error)
  }
}

/** A whole conversation on a real connection, of which the client has gone when it ends. */
async function conversation (data, greeting = GREETING) {
  const client = net.connect(path).on('error', () => {})
  const [socket] = await once(server, 'connection')
  const connection = new Connection(worker, takeHandle(socket), Buffer.concat([greeting, data]))
  client.destroy()
  await new Promise((resolve) => connection.socket.on('close', resolve))
  assert.equal(connection.calls.open.size, 0)
  assert.equal(worker.connections.size, 0)
  assert.equal(worker.waiting.size, 0)
}

const TARGETS = [frames, plain, rich, hello, conversation, conversation, (data) => conversation(data, Buffer.alloc(0))]

/** Give an input to its target. @param {Buffer} data */
export async function fuzz (data) {
  if (data.length === 0) return
  await TARGETS[data[0] % TARGETS.length](data.subarray(1))
  assert.deepEqual(Object.keys(Object.prototype), [])
  if (logged.length > 0) throw new Error('The worker took an input for a defect of its own.', { cause: logged.splice(0)[0] })
}

function expect (error) {
  if (!(error instanceof FrameError)) throw error
}

/** Inputs to begin with: the vectors, for every target that may understand them. */
export function seeds () {
  const { good } = JSON.parse(readFileSync(new URL('../../vectors/frames.json', import.meta.url), 'utf8'))
  const all = good.map(({ hex }) => Buffer.from(hex, 'hex'))
  const found = [Buffer.concat([Buffer.from([0, 6]), ...all]), Buffer.concat([Buffer.from([4]), ...all])]
  for (const frame of all) {
    const named = Buffer.from(frame.toString('latin1').replace('greet', 'never').replace('page', 'ask\0'), 'latin1')
    for (const target of [4, 6]) found.push(Buffer.concat([Buffer.from([target]), frame]), Buffer.concat([Buffer.from([target]), named]))
    for (const target of [1, 2, 3]) found.push(Buffer.concat([Buffer.from([target]), frame.subarray(16)]))
  }
  return found
}
