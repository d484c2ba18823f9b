// A client that speaks frames with a worker over a real socket, for the tests: it shows every frame that comes.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { Connection } from '../../src/js_host/runtime/connection.mjs'
import { CALL, FrameReader, HEADER_SIZE, HELLO, RICH, readUint32, splitRich, textFrame, writeHeader } from '../../src/js_host/runtime/frames.mjs'
import { takeHandle } from '../../src/js_host/runtime/upgrade.mjs'
import { Worker } from '../../src/js_host/runtime/worker.mjs'
import { directory, hostOf } from './helper.mjs'

export const LIMIT = 200_000

/** A worker with these functions that listens on a Unix socket, and clients of it. */
export async function serve (t, functions, options = {}) {
  const worker = new Worker(await hostOf({ requestDataLimit: LIMIT, functions }), options)
  const path = join(directory(t), 's')
  const server = net.createServer({ pauseOnConnect: true }, (socket) => new Connection(worker, takeHandle(socket)))
  server.listen(path)
  await once(server, 'listening')
  const clients = []
  t.after(() => { server.close(); for (const client of clients) client.socket.destroy() })
  return { worker, path, connect: async (greet = true) => { const client = new Client(path, clients); return greet ? client.greet() : client } }
}

export class Client {
  constructor (path, clients) {
    clients.push(this)
    this.frames = []
    this.wake = () => {}
    this.chunks = 0
    const reader = new FrameReader((bytes, at, length) => this.frames.push(readFrame(bytes, at, length)), 2 ** 32 - 1)
    this.socket = net.connect({ path, onread: { buffer: () => reader.getBuffer(), callback: (count) => { this.chunks++; reader.received(count); this.wake(); return true } } })
    this.closed = new Promise((resolve) => this.socket.once('close', () => { this.over = true; resolve(); this.wake() }))
    this.socket.on('error', () => {})
  }

  async greet () {
    this.send(textFrame(0, HELLO, '{"protocol":1,"version":"1.0.0"}'))
    this.hello = JSON.parse((await this.next()).text)
    return this
  }

  send (...parts) { this.socket.write(Buffer.concat(parts)) }

  async next () {
    while (this.frames.length === 0) {
      if (this.over) throw new Error('The connection was closed.')
      await new Promise((resolve) => { this.wake = resolve })
    }
    return this.frames.shift()
  }

  async ask (name, data = null, options = {}) {
    this.send(call(1, name, data, options))
    const frame = await this.next()
    assert.equal(frame.id, 1)
    return { kind: frame.kind, value: JSON.parse(frame.text), frame }
  }
}

/** A frame as its fields; `value` is its JSON, if it is some. */
function readFrame (bytes, at, length) {
  const [start, end] = [at + HEADER_SIZE, at + HEADER_SIZE + length]
  const frame = {
    id: readUint32(bytes, at + 4), kind: bytes[at + 8], flags: bytes[at + 9], extra: readUint32(bytes, at + 12), length,
    text: length < 1e6 ? bytes.toString('utf8', start, end) : '', attachments: []
  }
  if (frame.flags & RICH) {
    const part = splitRich(bytes, start, end)
    frame.json = bytes.toString('utf8', part.start, part.end)
    frame.attachments = part.attachments.map((one) => Buffer.from(one))
  }
  return Object.defineProperty(frame, 'value', { get: () => JSON.parse(frame.json ?? frame.text) })
}

/** A CALL frame; with RICH among its flags, `data` may hold tags. */
export function call (id, name, data, { deadline = 0, flags = 0, text = JSON.stringify(data) } = {}) {
  const table = flags & RICH ? '\0\0\0\0' : ''
  const body = Buffer.from(name + table + text)
  const frame = Buffer.alloc(HEADER_SIZE + body.length)
  writeHeader(frame, body.length, id, CALL, flags, deadline)
  frame.writeUInt16LE(Buffer.byteLength(name), 10)
  body.copy(frame, HEADER_SIZE)
  return frame
}

/** Waits until it is true, turn by turn of the event loop. */
export async function until (look, what = look) {
  for (const end = performance.now() + 5000; !look();) {
    assert.ok(performance.now() < end, `it did not come true: ${what}`)
    await new Promise(setImmediate)
  }
}
