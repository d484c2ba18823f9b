// The practical floor: framed calls on descriptor 3 with nothing around them. No errors, no timeouts, no limits.
// Header, 12 bytes, little-endian: u32 length, u32 id, u8 kind, u8 flags (1: raw bytes), u16 length of the name.
import net from 'node:net'
import functions from './functions.cjs'
import { followsClosely, spin } from './spin.mjs'

const HEAD = 12
const BYTES = 1
const LARGE = 32768 // a frame above this is read straight into its place
const STEP = 4 << 20
const SMALL_TEXT = 700 // the pool serves it: no need to ask for its byte length

const chunk = Buffer.allocUnsafeSlow(65536)
let reading = chunk
let filling = null // the large frame being read
let filled = 0
let rest = null // the start of a small frame whose end has not come
let answers = []

const socket = new net.Socket({ fd: 3, readable: true, writable: true, onread: { buffer: place, callback: arrived } })
socket.on('error', () => {}).on('end', () => process.exit()).resume()

function place () {
  reading = filling ? filling.subarray(filled, filled + STEP) : chunk
  return reading
}

function arrived (length, buffer) {
  const close = followsClosely()
  if (filling && reading !== chunk) advance(length)
  else takeFrames(buffer, length)
  flush()
  spin(close)
  return true
}

function takeFrames (buffer, end) {
  let owned = false
  if (rest) {
    buffer = Buffer.concat([rest, buffer.subarray(0, end)])
    end = buffer.length
    rest = null
    owned = true
  }
  let at = 0
  while (end - at >= HEAD) {
    const size = HEAD + buffer.readUInt32LE(at)
    if (end - at < size) {
      if (size > LARGE) return startFilling(buffer, at, end, size)
      break
    }
    run(buffer, at, at + size, false)
    at += size
  }
  if (at < end) rest = owned ? buffer.subarray(at, end) : Buffer.from(buffer.subarray(at, end))
}

function startFilling (buffer, at, end, size) {
  filling = Buffer.allocUnsafeSlow(size)
  filled = 0
  advance(buffer.copy(filling, 0, at, end))
}

function advance (length) {
  filled += length
  if (filled < filling.length) return
  const frame = filling
  filling = null
  run(frame, 0, frame.length, true)
}

function run (buffer, at, end, owned) {
  const id = buffer.readUInt32LE(at + 4)
  const from = at + HEAD + buffer.readUInt16LE(at + 10)
  const fn = functions[buffer.latin1Slice(at + HEAD, from)]
  if (!(buffer[at + 9] & BYTES)) return answer(id, fn(JSON.parse(buffer.utf8Slice(from, end))))
  const bytes = buffer.subarray(from, end)
  answer(id, fn(owned ? bytes : Buffer.from(bytes)))
}

function answer (id, value) {
  if (ArrayBuffer.isView(value)) {
    const head = Buffer.allocUnsafe(HEAD)
    writeHead(head, value.byteLength, id, BYTES)
    answers.push(head, value)
  } else answers.push(frameOf(id, JSON.stringify(value)))
}

function frameOf (id, text) {
  const room = text.length < SMALL_TEXT ? text.length * 3 : Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(HEAD + room)
  const length = frame.utf8Write(text, HEAD)
  writeHead(frame, length, id, 0)
  return frame.subarray(0, HEAD + length)
}

function writeHead (frame, length, id, flags) {
  frame.writeUInt32LE(length, 0)
  frame.writeUInt32LE(id, 4)
  frame[8] = 1
  frame[9] = flags
  frame[10] = frame[11] = 0
}

// One write for all that one read has asked for.
function flush () {
  if (answers.length === 0) return
  if (answers.length === 1) socket.write(answers[0])
  else {
    socket.cork()
    for (const part of answers) socket.write(part)
    socket.uncork()
  }
  answers = []
}
