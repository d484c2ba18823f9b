// What the mailbox does with the memory that it shares: a file plays it here, and the test plays the client.

import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CALL, FrameError, LOG, LOOK, RESULT, STATUS, readUint32, textFrame } from '../../src/js_host/runtime/frames.mjs'
import { LARGEST, Mailbox, SIZE, openMemory } from '../../src/js_host/runtime/mailbox.mjs'
import { call, serve } from './client.mjs'
import { Spinner } from '../../src/js_host/runtime/spin.mjs'

const AWAKE = 64
const CALL_AT = 128
const LIMIT = 1_000_000

let files = 0

/** A mailbox that is awake, what it was given, and what its client does and sees. */
function mailbox (t, limit = LIMIT) {
  const path = join(tmpdir(), `mailbox-${process.pid}-${++files}`)
  const fd = openSync(path, 'w+')
  unlinkSync(path)
  ftruncateSync(fd, SIZE)
  t.after(() => { if (box.fd >= 0) closeSync(fd) })
  const taken = []
  const box = new Mailbox(fd, limit, (bytes, at, length) => taken.push(Buffer.from(bytes.subarray(at, at + 16 + length))))
  box.wake()
  const bytes = () => {
    const all = Buffer.alloc(SIZE)
    readSync(fd, all, 0, SIZE, 0)
    return all
  }
  const word = (at) => readUint32(bytes(), at)
  const put = (id, frame) => {
    writeSync(fd, frame, 0, frame.length, CALL_AT)
    writeSync(fd, new Uint32Array([id]), 0, 4, 0)
  }
  const seen = () => {
    const length = word(SIZE - 8)
    return { id: word(SIZE - 4), frame: bytes().subarray(SIZE - 8 - length, SIZE - 8) }
  }
  const take = (id) => {
    put(id, textFrame(id, CALL, 'f'))
    assert.ok(box.hasCall())
    box.received()
  }
  return { box, taken, put, take, seen, isAwake: () => word(AWAKE) === 1 }
}

test('a call that was put in is found, and taken once', (t) => {
  const { box, taken, put } = mailbox(t)
  assert.ok(!box.hasCall())
  const frame = textFrame(7, CALL, 'greet"Foo"')
  put(7, frame)
  assert.ok(box.hasCall())
  box.received()
  assert.deepEqual(taken, [frame])
  assert.ok(!box.hasCall())
})

for (const length of [0, 1, 239, 240, 241, 3000, LARGEST - 16]) {
  test(`a call of ${length} bytes is taken whole`, (t) => {
    const { box, taken, put } = mailbox(t)
    const frame = textFrame(1, CALL, 'ab'.repeat(length).slice(0, length))
    put(1, frame)
    assert.ok(box.hasCall())
    box.received()
    assert.deepEqual(taken, [frame])
  })
}

for (const [what, id, frame, limit] of [
  ['is longer than the mailbox', 1, Buffer.concat([textFrame(1, CALL, 'x'.repeat(LARGEST - 15))]).subarray(0, LARGEST), LIMIT],
  ['has four gigabytes', 1, Buffer.from('ffffffff010000000100000000000000', 'hex'), LIMIT],
  ['is over the limit', 1, textFrame(1, CALL, 'x'.repeat(101)), 100],
  ['is another frame', 1, textFrame(1, STATUS, ''), LIMIT],
  ['has another number than it says', 1, textFrame(2, CALL, 'f'), LIMIT]
]) {
  test(`a call that ${what} is refused`, (t) => {
    const { box, taken, put } = mailbox(t, limit)
    put(id, frame)
    assert.ok(box.hasCall())
    assert.throws(() => box.received(), FrameError)
    assert.deepEqual(taken, [])
  })
}

test('an answer is put in with its length and the number of its call', (t) => {
  const { box, take, seen } = mailbox(t)
  for (const [id, text] of [[1, '"one"'], [2, '2'], [3, 'x'.repeat(LARGEST - 16)], [4, '']]) {
    take(id)
    const frame = textFrame(id, RESULT, text)
    assert.ok(box.give([frame], true))
    assert.deepEqual(seen(), { id, frame })
  }
})

for (const [what, frames] of [
  ['is too long', [textFrame(1, RESULT, 'x'.repeat(LARGEST - 15))]],
  ['has several parts', [textFrame(1, RESULT, ''), Buffer.from('an attachment')]],
  ['comes with a warning', [textFrame(1, RESULT, '1'), textFrame(0, LOG, '{}')]],
  ['is no answer to it', [textFrame(0, LOG, '{}')]],
  ['is that of another call', [textFrame(9, RESULT, '1')]]
]) {
  test(`a client that waits is sent to the socket by what ${what}`, (t) => {
    const { box, take, seen } = mailbox(t)
    take(1)
    assert.ok(!box.give(frames, true))
    assert.deepEqual(seen(), { id: 1, frame: Buffer.alloc(0) })
    assert.ok(!box.give([textFrame(1, RESULT, '1')], true), 'it looks for the answer there, too')
  })
}

test('what belongs to no call is to be read on the socket before the next call is put in', (t) => {
  const { box, isAwake } = mailbox(t)
  assert.ok(!box.give([textFrame(5, RESULT, 'the answer to a call that came by the socket')], true))
  assert.ok(isAwake())
  assert.ok(!box.give([textFrame(0, LOG, '{}')], true))
  assert.ok(!isAwake())
})

test('a mailbox that nobody looks into takes no answers', (t) => {
  const { box, take, seen, isAwake } = mailbox(t)
  take(1)
  box.sleep()
  assert.ok(!isAwake())
  assert.ok(!box.give([textFrame(1, RESULT, '1')], true))
  assert.equal(seen().id, 0)
})

test('an answer that was put in for a client that had left is given back, once', (t) => {
  const { box, take } = mailbox(t)
  const frame = textFrame(1, RESULT, '1')
  take(1)
  box.give([frame], true)
  assert.equal(box.takeBack(1), frame)
  assert.equal(box.takeBack(1), null)
  assert.equal(box.takeBack(), null)
})

test('the answer that was put in last may be asked for without its number', (t) => {
  const { box, take } = mailbox(t)
  assert.equal(box.takeBack(), null)
  take(1)
  box.give([textFrame(1, RESULT, '1')], true)
  take(2)
  const frame = textFrame(2, RESULT, '2')
  box.give([frame], true)
  assert.equal(box.takeBack(), frame)
})

test('the answer to a call whose client has left goes to the socket', (t) => {
  const { box, take } = mailbox(t)
  take(1)
  assert.equal(box.takeBack(1), null)
  assert.ok(!box.give([textFrame(1, RESULT, '1')], true))
})

for (const [what, offer] of [
  ['a file', (fd) => ({ pid: process.pid, descriptor: fd, nonce: '00'.repeat(16) })],
  ['a process that is not there', () => ({ pid: 2 ** 31, descriptor: 3, nonce: '' })],
  ['no numbers', () => ({ pid: 'self', descriptor: '../../../etc/passwd', nonce: '' })],
  ['nothing', () => ({})]
]) {
  test(`memory is not taken from who offers ${what}`, (t) => {
    const { box } = mailbox(t)
    assert.equal(openMemory(offer(box.fd)), null)
  })
}

/** A spinner that turns, with a caller whose mailbox counts for nothing but whether somebody looks. */
function spinning () {
  const spinner = new Spinner(200)
  spinner.turning = true
  const caller = (name) => ({
    name,
    arrival: 1000,
    look: () => {},
    mailbox: { isAwake: false, wake () { this.isAwake = true }, sleep () { this.isAwake = false } }
  })
  const answer = (caller, count, took = 0.005) => { for (let i = 0; i < count; i++) spinner.attend(caller, caller.arrival + took) }
  return { spinner, caller, answer }
}

test('a mailbox is looked into after 16 quick answers to its client, and to nobody else', () => {
  const { caller, answer } = spinning()
  const [one, two] = [caller('one'), caller('two')]
  answer(one, 15)
  assert.ok(!one.mailbox.isAwake)
  answer(one, 1)
  assert.ok(one.mailbox.isAwake)
  answer(two, 1)
  assert.ok(!one.mailbox.isAwake)
  answer(one, 15)
  assert.ok(!one.mailbox.isAwake)
})

test('answers that take long are not waited for in a mailbox, though one among many does not matter', () => {
  const { caller, answer } = spinning()
  const one = caller('one')
  answer(one, 100)
  answer(one, 1, 0.3)
  assert.ok(one.mailbox.isAwake)
  answer(one, 1, 0.3)
  assert.ok(!one.mailbox.isAwake)
  answer(one, 12)
  assert.ok(one.mailbox.isAwake)
})

test('a mailbox is not looked into any more when the loop sleeps, or without one', () => {
  const { spinner, caller, answer } = spinning()
  const one = caller('one')
  answer(one, 16)
  spinner.until = 0
  spinner.next(1000)
  assert.ok(!one.mailbox.isAwake)
  answer(one, 16)
  assert.ok(!one.mailbox.isAwake, 'the loop does not turn')
  answer({ mailbox: null, arrival: 0, look: () => {} }, 20)
})

test('who is gone is forgotten', () => {
  const { spinner, caller, answer } = spinning()
  const [one, two] = [caller('one'), caller('two')]
  answer(one, 1)
  spinner.forget(two)
  assert.equal(spinner.caller, one)
  spinner.forget(one)
  assert.equal(spinner.caller, null)
})

test('a call that is found by a LOOK runs, though the turn of its client is over', { timeout: 5000 }, async (t) => {
  let ran = 0
  const { connect, worker } = await serve(t, { f: () => ++ran })
  const client = await connect()
  const [connection] = worker.connections
  const { box, put } = mailbox(t)
  connection.mailbox = Object.assign(box, { onFrame: connection.onFrame.bind(connection), close () {} })
  box.hasCall = () => { // another process has the processor meanwhile
    for (const end = performance.now() + 2; performance.now() < end;);
    return Mailbox.prototype.hasCall.call(box)
  }
  put(1, call(1, 'f', null))
  client.send(textFrame(1, LOOK, ''))
  const frame = await client.next()
  assert.deepEqual([ran, frame.id, frame.kind], [1, 1, RESULT])
})

test('a LOOK that comes late takes nothing back that was put in since', (t) => {
  const { box, take } = mailbox(t)
  take(1)
  box.give([textFrame(1, RESULT, '1'), Buffer.from('more')], true)
  take(2)
  box.wake()
  const answer = textFrame(2, RESULT, '2')
  assert.ok(box.give([answer], true))
  assert.equal(box.takeBack(1), null)
  assert.equal(box.takeBack(2), answer)
})

test('the number of a call may be seen while part of it is written', (t) => {
  const { box, taken, put } = mailbox(t)
  put(0x1ff, textFrame(0x1ff, CALL, 'f'))
  assert.ok(box.hasCall())
  put(0x200, textFrame(0x200, CALL, 'g')) // what was read as its number is that of no call by now
  box.received()
  assert.deepEqual(taken, [textFrame(0x200, CALL, 'g')])
  assert.ok(!box.hasCall())
})

test('an answer that was not quick is not put in: its client looks no longer', (t) => {
  const { box, take, seen } = mailbox(t)
  take(1)
  assert.ok(!box.give([textFrame(1, RESULT, '1')], false))
  assert.deepEqual(seen(), { id: 1, frame: Buffer.alloc(0) })
})

test('memory that can not be read or written any more is given up', (t) => {
  const { box, take } = mailbox(t)
  take(1)
  closeSync(box.fd)
  assert.ok(!box.hasCall())
  assert.equal(box.fd, -1)
  assert.ok(!box.isAwake)
  box.wake()
  assert.ok(!box.isAwake)
})

/** A worker's connection with a mailbox, which its client has put into memory. */
async function shared (t, functions) {
  const { connect, worker } = await serve(t, functions)
  const client = await connect()
  const [connection] = worker.connections
  const memory = mailbox(t)
  connection.mailbox = Object.assign(memory.box, { onFrame: connection.onFrame.bind(connection), close () {} })
  return { ...memory, client, connection, worker }
}

test('a call that may have lain there for long is answered on the socket: its client looks no longer', { timeout: 5000 }, async (t) => {
  const { client, connection, put, worker, seen } = await shared(t, { f: () => 'f' })
  let id = 0
  const ask = (before) => {
    put(++id, call(id, 'f', null))
    connection.mailbox.wake()
    worker.spinner.lastTurn = performance.now() - before
    connection.look()
    return seen().frame.length > 0
  }
  while (!ask(0)) await client.next() // until the code is warm
  assert.ok(!ask(1))
  assert.equal((await client.next()).id, id)
})
