// Frames: the layout of messages as bytes, and the reader that finds them in a stream.
//
// A frame is a header of 16 bytes and a body. docs/protocol.md is the law; _wire/frames.py is the twin.

export const HEADER_SIZE = 16
export const HELLO = 0
export const CALL = 1
export const RESULT = 2
export const ERROR = 3
export const BYE = 4
export const CANCEL = 5
export const CHUNK = 6
export const END = 7
export const CREDIT = 8
export const LOG = 9
export const STATUS = 10
export const ASK = 11
export const ANSWER = 12
export const FAULT = 13
export const MAILBOX = 14
export const LOOK = 15

/** Flag: the body is a table of sizes, JSON with tags, and attachments. */
export const RICH = 1
/** Flag of a call: its result may come in parts. */
export const STREAM = 2
/** Flag of a call: its deadline counts from the moment at which its function starts. */
export const PATIENT = 4

/** How many bytes of a stream's parts may be on their way to who reads them, and what a part counts for at least. */
export const WINDOW = 2_097_152
export const LEAST_COST = 65_536

/** What one read takes at most, unless a larger frame is being filled. */
export const READ_SIZE = 64 * 1024

/** A frame larger than the buffer is read in steps of this size, straight into its place. */
const LARGE_READ = 4 * 1024 * 1024

/**
 * A string is written without measuring it first. Three bytes a character always suffice, and cost nothing below this
 * length; above it most text is nearly all ASCII, and an eighth more than its length suffices.
 */
const SHORT_TEXT = 700

/** What `onFrame` returns if the frame, and those behind it, are to wait for the next `received`. */
export const HELD = Symbol('held')

/** The bytes are no frame, or one over the limit. The connection can not go on. */
export class FrameError extends Error {}

/**
 * Write a frame's header at the start of `bytes`. Bytes by hand: several times faster than a DataView or writeUInt32LE.
 * @param {Uint8Array} bytes @param {number} length @param {number} id @param {number} kind
 * @param {number} [flags] @param {number} [extra]
 */
export function writeHeader (bytes, length, id, kind, flags = 0, extra = 0) {
  bytes[0] = length; bytes[1] = length >>> 8; bytes[2] = length >>> 16; bytes[3] = length >>> 24
  bytes[4] = id; bytes[5] = id >>> 8; bytes[6] = id >>> 16; bytes[7] = id >>> 24
  bytes[8] = kind; bytes[9] = flags; bytes[10] = 0; bytes[11] = 0
  bytes[12] = extra; bytes[13] = extra >>> 8; bytes[14] = extra >>> 16; bytes[15] = extra >>> 24
}

/** @param {Uint8Array} bytes @param {number} at @returns {number} */
export function readUint32 (bytes, at) {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0
}

/** The JSON of a RICH body that is nothing but one text, which comes behind it as an attachment. */
const JUST_TEXT = '{"$":["text",0]}'
/** Where that text begins, behind the header: after how many attachments there are, its size, and the JSON. */
const TEXT_AT = 4 + 4 + JUST_TEXT.length

/**
 * A frame whose body is text.
 * @param {number} id @param {number} kind @param {string} text @param {number} [extra] @returns {Buffer}
 */
export function textFrame (id, kind, text, extra = 0) {
  const frame = written(text, HEADER_SIZE)
  writeHeader(frame, frame.length - HEADER_SIZE, id, kind, 0, extra)
  return frame
}

/**
 * A frame whose value is one text, sent as it is: to write it as JSON would take longer than to send it.
 * @param {number} id @param {number} kind @param {string} text @param {number} [extra] @returns {Buffer}
 */
export function longTextFrame (id, kind, text, extra = 0) {
  const start = HEADER_SIZE + TEXT_AT
  const frame = written(text, start)
  writeHeader(frame, frame.length - HEADER_SIZE, id, kind, RICH, extra)
  frame.writeUInt32LE(1, HEADER_SIZE)
  frame.writeUInt32LE(frame.length - start, HEADER_SIZE + 4)
  frame.write(JUST_TEXT, HEADER_SIZE + 8, 'latin1')
  return frame
}

/** A buffer with the text in UTF-8 from `start` to its end. @param {string} text @param {number} start */
function written (text, start) {
  const room = text.length < SHORT_TEXT ? text.length * 3 : text.length + (text.length >>> 3)
  const bytes = Buffer.allocUnsafe(start + room)
  const length = bytes.utf8Write(text, start)
  if (length <= room - 4 || room >= text.length * 3) return bytes.subarray(0, start + length)
  const exact = Buffer.allocUnsafe(start + Buffer.byteLength(text))  // it may not all have fitted: a character takes up to 4 bytes
  exact.utf8Write(text, start)
  return exact
}

/**
 * The parts of a frame with attachments: one buffer up to them, and then each of them as it is.
 * @param {number} id @param {number} kind @param {string} text @param {Uint8Array[]} attachments @param {number} [extra]
 * @returns {Uint8Array[]}
 */
export function richFrame (id, kind, text, attachments, extra = 0) {
  const table = 4 + 4 * attachments.length
  const start = HEADER_SIZE + table
  const head = Buffer.allocUnsafe(start + Buffer.byteLength(text))
  head.utf8Write(text, start)
  head.writeUInt32LE(attachments.length, HEADER_SIZE)
  let length = head.length - HEADER_SIZE
  for (let i = 0; i < attachments.length; i++) {
    head.writeUInt32LE(attachments[i].byteLength, HEADER_SIZE + 4 + 4 * i)
    length += attachments[i].byteLength
  }
  writeHeader(head, length, id, kind, RICH, extra)
  return [head, ...attachments]
}

/** The bytes of a frame, or of the parts of one, without its header. @param {Buffer | Uint8Array[]} frame */
export function bodyLength (frame) {
  if (!Array.isArray(frame)) return frame.length - HEADER_SIZE
  let length = -HEADER_SIZE
  for (const part of frame) length += part.byteLength
  return length
}

/**
 * Where the JSON and the attachments of a RICH body are, which lies in bytes[start..end).
 * @param {Buffer} bytes @param {number} start @param {number} end
 * @returns {{start: number, end: number, attachments: Buffer[]}}
 */
export function splitRich (bytes, start, end) {
  const count = end - start < 4 ? Infinity : readUint32(bytes, start)
  const text = start + 4 + 4 * count
  if (!(text <= end)) throw new FrameError('The table of attachments is longer than its frame.')
  let total = 0
  for (let i = 0; i < count; i++) total += readUint32(bytes, start + 4 + 4 * i)
  let at = end - total
  if (at < text) throw new FrameError('The attachments are longer than their frame.')
  const part = { start: text, end: at, attachments: new Array(count) }
  for (let i = 0; i < count; i++) {
    const size = readUint32(bytes, start + 4 + 4 * i)
    part.attachments[i] = bytes.subarray(at, at + size)
    at += size
  }
  return part
}

/**
 * Finds frames in a stream of bytes, read in place.
 *
 * Ask `getBuffer()` where the next bytes go, put them there, and tell `received(n)`, which gives each
 * frame that is complete to `onFrame(bytes, at, length, owned)`: its header is at `at`, `owned` says that the
 * bytes are this frame's alone and may be kept. A frame over `limit` is refused by its header. `onFrame` may return HELD
 * for a frame that is not the first: it is given again by the next `received(n)`, which may be `received(0)`.
 */
export class FrameReader {
  /**
   * @param {(bytes: Buffer, at: number, length: number, owned: boolean) => unknown} onFrame
   * @param {number} limit
   */
  constructor (onFrame, limit) {
    this.onFrame = onFrame
    this.limit = limit
    this.buffer = Buffer.allocUnsafeSlow(READ_SIZE)
    this.start = 0
    this.end = 0
    /** Whether frames that have come wait for the next `received`. */
    this.isHeld = false
    /** @type {Buffer | null} the large frame being filled */
    this.large = null
    this.filled = 0
  }

  /** Whether part of a frame has come, and its rest not. */
  get isPartial () {
    return !this.isHeld && (this.end !== this.start || this.large !== null)
  }

  /** Where the next bytes of the stream are to be written, as many as there are up to its length. */
  getBuffer () {
    if (this.large !== null) return this.large.subarray(this.filled, this.filled + LARGE_READ)
    if (this.start > 0) this.#compact()
    return this.end === 0 ? this.buffer : this.buffer.subarray(this.end)
  }

  /** Bytes that came before the first read: `received(0)` takes them up. @param {Buffer} bytes fewer than READ_SIZE */
  begin (bytes) {
    this.end = bytes.copy(this.buffer)
  }

  #compact () {
    this.buffer.copyWithin(0, this.start, this.end)
    this.end -= this.start
    this.start = 0
  }

  /** @param {number} count how many bytes were written into the buffer; with 0, the next ones still go where they were to go */
  received (count) {
    if (this.large !== null) return this.#receivedLarge(count)
    const have = this.end + count
    const { buffer } = this
    let at = this.start
    this.isHeld = false
    while (have - at >= HEADER_SIZE) {
      const length = readUint32(buffer, at)
      if (length > this.limit) throw new FrameError(`A frame of ${length} bytes came in; the limit is ${this.limit}.`)
      const next = at + HEADER_SIZE + length
      if (next > have) {
        if (length > READ_SIZE - HEADER_SIZE && count > 0) return this.#beginLarge(length, at, have)
        break
      }
      if (this.onFrame(buffer, at, length, false) === HELD) {
        this.isHeld = true
        break
      }
      at = next
    }
    this.start = at
    this.end = have
    if (at === have && count > 0) this.start = this.end = 0
  }

  /** @param {number} length @param {number} at @param {number} have */
  #beginLarge (length, at, have) {
    this.large = Buffer.allocUnsafeSlow(HEADER_SIZE + length)
    this.filled = this.buffer.copy(this.large, 0, at, have)
    this.start = this.end = 0
  }

  /** @param {number} count */
  #receivedLarge (count) {
    const large = /** @type {Buffer} */ (this.large)
    this.filled += count
    if (this.filled < large.length) return
    this.large = null
    this.onFrame(large, 0, large.length - HEADER_SIZE, true)
  }
}
