// Values: JSON text to JavaScript values and back. Plain JSON is the fast path; the rest is in rich.mjs.
//
// The table of what becomes what is in docs/protocol.md; _wire/values.py is the twin.

import { isUtf8 } from 'node:buffer'
import { FrameError, RICH, bodyLength, longTextFrame, richFrame, splitRich, textFrame } from './frames.mjs'
import { encodeRich, decodeRich, isPlainNumber, parseExactly, MAX_DEPTH } from './rich.mjs'

/** @typedef {import('./rich.mjs').Place} Place @typedef {import('./rich.mjs').Program} Program */

/** @type {Place} */
const RESULT_PLACE = { name: 'result', depth: 0 }

/** A text from this length on, in characters, is sent as it is: a page of HTML takes a third less time so than as JSON. */
const LONG_TEXT = 8192

/** What half a surrogate pair becomes in UTF-8, which has no other: to look for it takes no time, other than to look at all characters. */
const REPLACEMENT = Buffer.from('\ufffd')

/**
 * Below this size, in bytes, attachments are copied: it is no slower than to write them one by one, and what they are views of may be
 * changed before they are written. Larger results are written at once, and a stream must leave its larger parts alone.
 */
const MOST_COPIED = 16 * 1024

/** An integer of fewer digits than this is held exactly by a number. */
const LONG_INTEGER = 16

/**
 * A frame that carries a value: one buffer, or several to be written one after the other.
 * @param {number} id @param {number} kind @param {unknown} value
 * @param {number} [extra] @param {Place} [place] what the value is, for an error
 * @returns {Buffer | Uint8Array[]}
 */
export function valueFrame (id, kind, value, extra = 0, place = RESULT_PLACE) {
  if (typeof value === 'string' && value.length >= LONG_TEXT) {
    const frame = longTextFrame(id, kind, value, extra)
    if (!frame.includes(REPLACEMENT) || value.isWellFormed()) return frame
  }
  if (isPlain(value, 0)) return textFrame(id, kind, value === undefined ? 'null' : JSON.stringify(value), extra)
  const { text, attachments } = encodeRich(value, place)
  const parts = richFrame(id, kind, text, attachments, extra)
  return bodyLength(parts) < MOST_COPIED ? Buffer.concat(parts) : parts
}

/**
 * Whether JSON says all that the value holds. One walk, a tenth of what JSON.stringify takes.
 * @param {any} value @param {number} depth @returns {boolean}
 */
export function isPlain (value, depth) {
  switch (typeof value) {
    case 'string': case 'boolean': case 'undefined': return true
    case 'number': return isPlainNumber(value)
    case 'object': break
    default: return false
  }
  if (value === null) return true
  if (depth >= MAX_DEPTH) return false
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false
    return true
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) if (!isPlain(value[key], depth + 1)) return false
  return true
}

/**
 * The value in bytes[start..end).
 * @param {Buffer} bytes @param {number} start @param {number} end @param {number} flags
 * @param {boolean} owned the bytes may be kept: attachments then are views of them
 * @param {Program | null} [program] whose callables and iterators the value may hold
 * @returns {unknown}
 */
export function decodeValue (bytes, start, end, flags, owned, program = null) {
  if (flags & RICH) {
    const part = splitRich(bytes, start, end)
    const attachments = owned ? part.attachments : part.attachments.map(copy)
    return decodeRich(JSON.parse(decodeText(bytes, part.start, part.end)), attachments, program)
  }
  const text = decodeText(bytes, start, end)
  return hasLongInteger(bytes, start, end) ? parseExactly(text) : JSON.parse(text)
}

/**
 * Whether the text may hold an integer that a number would round: 16 digits in a row, not after a decimal point.
 * Looks at every 16th byte only, since a run that long can not hide between two of them.
 * @param {Uint8Array} bytes @param {number} start @param {number} end
 */
export function hasLongInteger (bytes, start, end) {
  for (let at = start + LONG_INTEGER - 1; at < end; at += LONG_INTEGER) {
    if (!isDigit(bytes[at])) continue
    let first = at
    while (first > start && isDigit(bytes[first - 1])) first--
    let last = at
    while (last + 1 < end && isDigit(bytes[last + 1])) last++
    if (last - first + 1 >= LONG_INTEGER && (first === start || bytes[first - 1] !== POINT)) return true
    at = last
  }
  return false
}

const POINT = 0x2e

/** @param {number} byte */
function isDigit (byte) {
  return byte >= 0x30 && byte <= 0x39
}

/** @param {Buffer} bytes @param {number} start @param {number} end */
export function decodeText (bytes, start, end) {
  const text = bytes.utf8Slice(start, end)
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) throw new FrameError('A text in a frame is no UTF-8.')
  return text
}

/** @param {Buffer} bytes */
function copy (bytes) {
  return Buffer.from(bytes)
}
