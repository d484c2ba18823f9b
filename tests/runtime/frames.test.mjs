import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  CALL, FrameError, FrameReader, HEADER_SIZE, READ_SIZE, RESULT, RICH, readUint32, richFrame, splitRich, textFrame, writeHeader
} from '../../src/js_host/runtime/frames.mjs'
import './helper.mjs'

const { good, bad } = JSON.parse(readFileSync(new URL('../vectors/frames.json', import.meta.url), 'utf8'))

/** All of a frame, copied out of the reader's buffer. */
function told (bytes, at, length) {
  const name = bytes[at + 10] | bytes[at + 11] << 8
  const start = at + HEADER_SIZE + name
  const part = bytes[at + 9] & RICH
    ? splitRich(bytes, start, at + HEADER_SIZE + length)
    : { start, end: at + HEADER_SIZE + length, attachments: [] }
  return {
    id: readUint32(bytes, at + 4),
    kind: bytes[at + 8],
    flags: bytes[at + 9],
    name: bytes.toString('utf8', at + HEADER_SIZE, start),
    extra: readUint32(bytes, at + 12),
    text: bytes.toString('utf8', part.start, part.end),
    attachments: part.attachments.map((one) => one.toString('hex'))
  }
}

/** Feeds a stream in pieces of these sizes, over and over, as a socket would. */
function read (stream, cuts, limit = 2 ** 32 - 1) {
  const found = []
  const reader = new FrameReader((bytes, at, length) => found.push(told(bytes, at, length)), limit)
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const buffer = reader.getBuffer()
    const count = stream.copy(buffer, 0, at, Math.min(at + cuts[turn % cuts.length], at + buffer.length))
    assert.ok(count > 0)
    at += count
    reader.received(count)
  }
  return found
}

/** Numbers that look random and are the same in every run with the same seed. */
function numbers (seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

for (const { title, hex, frame } of good) {
  test(`the good vector "${title}" is read in any two pieces`, () => {
    const stream = Buffer.from(hex, 'hex')
    for (let cut = 1; cut <= stream.length; cut++) assert.deepEqual(read(stream, [cut, stream.length]), [frame])
    assert.deepEqual(read(stream, [1]), [frame])
  })

  if (frame.name !== '' || frame.kind === CALL) continue
  test(`the good vector "${title}" is written`, () => {
    const parts = frame.flags & RICH
      ? richFrame(frame.id, frame.kind, frame.text, frame.attachments.map((one) => Buffer.from(one, 'hex')), frame.extra)
      : [textFrame(frame.id, frame.kind, frame.text, frame.extra)]
    assert.equal(Buffer.concat(parts).toString('hex'), hex)
  })
}

for (const { title, hex, limit } of bad) {
  test(`the bad vector "${title}" is refused in any pieces`, () => {
    for (const cut of [1, 7, 1000]) assert.throws(() => read(Buffer.from(hex, 'hex'), [cut], limit), FrameError)
  })
}

for (let seed = 0; seed < 40; seed++) {
  test(`any frames in any split are found, with seed ${seed}`, () => {
    const below = numbers(seed)
    const size = () => [below(40), READ_SIZE - 40 + below(80), below(200_000)][below(3)]
    const sent = []
    const expected = []
    for (let i = below(5) + 1; i > 0; i--) {
      const text = String.fromCharCode(97 + i).repeat(size())
      const attachments = Array.from({ length: below(4) }, () => Buffer.alloc(size(), below(256)))
      sent.push(...(below(2) ? richFrame(i, RESULT, text, attachments) : [textFrame(i, RESULT, text)]))
      expected.push({ id: i, text })
    }
    const cuts = Array.from({ length: 1 + below(6) }, () => 1 + below(below(2) ? 100 : 2 * READ_SIZE))
    const found = read(Buffer.concat(sent), cuts)
    assert.deepEqual(found.map(({ id, text }) => ({ id, text })), expected)
  })

  test(`garbage gives frames or a FrameError, with seed ${seed}`, () => {
    const below = numbers(seed)
    const stream = Buffer.from(Array.from({ length: below(400) }, () => below(2) ? 0 : below(256)))
    try {
      read(stream, [1 + below(50)], 10 ** 6)
    } catch (error) {
      assert.ok(error instanceof FrameError, error)
    }
  })
}

test('a truncated frame is never given', () => {
  const stream = Buffer.concat(richFrame(1, RESULT, '{"$":["bytes",0]}', [Buffer.alloc(100)]))
  for (let end = 0; end < stream.length; end++) assert.deepEqual(read(stream.subarray(0, end), [13]), [])
})

test('a frame of the limit is read, and one more byte is refused by the header alone', () => {
  for (const size of [10, 200_000]) {
    assert.equal(read(textFrame(1, RESULT, 'x'.repeat(size)), [READ_SIZE], size).length, 1)
    const header = Buffer.alloc(HEADER_SIZE)
    writeHeader(header, size + 1, 1, RESULT)
    assert.throws(() => read(header, [1], size), new FrameError(`A frame of ${size + 1} bytes came in; the limit is ${size}.`))
  }
})

test('a table that promises too much is refused without taking memory for it', () => {
  const bytes = Buffer.alloc(100)
  for (const count of [25, 2 ** 31, 2 ** 32 - 1]) {
    bytes.writeUInt32LE(count, 0)
    assert.throws(() => splitRich(bytes, 0, 100), FrameError)
  }
})

test('the largest numbers of a header are read as they were written', () => {
  const header = Buffer.alloc(HEADER_SIZE)
  writeHeader(header, 2 ** 32 - 1, 2 ** 32 - 2, 10, 1, 2 ** 32 - 3)
  assert.equal(readUint32(header, 0), 2 ** 32 - 1)
  assert.equal(readUint32(header, 4), 2 ** 32 - 2)
  assert.equal(readUint32(header, 12), 2 ** 32 - 3)
})

test('texts around the length at which they are measured first are written whole', () => {
  for (const character of ['x', 'ü', '世', '👋']) {
    for (const length of [...Array(60).keys()].flatMap((n) => [n, 320 + n, 680 + n, 1400 + n])) {
      const [frame] = read(textFrame(1, RESULT, character.repeat(length)), [READ_SIZE])
      assert.equal(frame.text, character.repeat(length))
    }
  }
})
