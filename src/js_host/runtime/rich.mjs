// The values that JSON can not say, as tags: objects whose only key is "$", such as {"$": ["date", 0]}.
//
// The slow path of values.mjs. Bytes, and a long text, travel as attachments after the JSON and are named by their number.
// _wire/rich.py is the twin.

import { isUtf8 } from 'node:buffer'
import {
  isAnyArrayBuffer, isBoxedPrimitive, isDate, isGeneratorObject, isMap, isNativeError,
  isProxy, isRegExp, isSet, isWeakMap, isWeakSet
} from 'node:util/types'

/** How deeply arrays and objects may be nested. */
export const MAX_DEPTH = 500

/** A value can not cross between the languages; the message names the path to it. */
export class ValueNotSupported extends TypeError {}

/**
 * @typedef {{name: string, depth: number}} Place what an error calls the value, and how many steps of the path to leave out
 * @typedef {{callable: (n: number) => Function, iterator: (n: number) => object}} Program makes what stands for the program's own
 */

const SPREAD = 'Spread it into an array: [...it].'
const READ = 'Read it to its end first.'

/** Name of a kind of typed array on the wire -> its class. */
const ARRAY_CLASSES = /** @type {Record<string, any>} */ ({
  __proto__: null,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array
})
const ARRAY_KINDS = new Map(Object.keys(ARRAY_CLASSES).map((kind) => [ARRAY_CLASSES[kind].name, kind]))

/** The name of a typed array's class, whatever a subclass of it is called. */
const typedArrayName = /** @type {() => string | undefined} */ (
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get)

/**
 * The tagged JSON text of any value that can cross, and its attachments.
 * @param {unknown} value @param {Place} place @returns {{text: string, attachments: Uint8Array[]}}
 */
export function encodeRich (value, place) {
  const encoder = new Encoder(place)
  const text = JSON.stringify(encoder.convert(value))
  return { text, attachments: encoder.attachments }
}

/** One conversion: the attachments found so far, and the path to where it is, for the error. */
class Encoder {
  /** @param {Place} place */
  constructor (place) {
    this.place = place
    /** @type {Uint8Array[]} */
    this.attachments = []
    /** @type {(string | number)[]} */
    this.path = []
    /** @type {Set<object>} */
    this.open = new Set()
  }

  /** @param {any} value @returns {unknown} */
  convert (value) {
    switch (typeof value) {
      case 'string': case 'boolean': return value
      case 'undefined': return null
      case 'number': return convertNumber(value)
      case 'bigint': return tag('int', String(value))
      case 'object': return value === null ? null : this.convertObject(value)
      default: return this.refuse(typeof value === 'symbol' ? 'a symbol' : 'a function')
    }
  }

  /** @param {any} value @returns {unknown} */
  convertObject (value) {
    if (Array.isArray(value)) return this.within(value, () => this.items(value))
    if (isDate(value)) return this.date(value)
    if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return this.bytes(value)
    if (isSet(value)) return this.within(value, () => this.set(value))
    if (isMap(value)) return this.within(value, () => this.map(value))
    if (typeof value.toJSON === 'function') return this.within(value, () => this.convert(value.toJSON()))
    const prototype = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) this.refuseStrange(value)
    return this.within(value, () => this.fields(value))
  }

  /**
   * @param {object} value @param {() => unknown} convert @returns {unknown}
   */
  within (value, convert) {
    if (this.open.has(value)) this.refuse('a circular reference', 'Leave it out, or give only what is needed of the object.')
    if (this.path.length >= MAX_DEPTH) throw new ValueNotSupported(`The ${this.place.name} is nested more than ${MAX_DEPTH} levels deep. Give something flatter, or its JSON as text.`)
    this.open.add(value)
    const converted = convert()
    this.open.delete(value)
    return converted
  }

  /** @param {unknown[]} items @param {number} [offset] */
  items (items, offset = 0) {
    return Array.from(items, (item, i) => this.deeper(offset + i, item))
  }

  /** @param {Set<unknown>} value */
  set (value) {
    const items = this.items([...value])
    if (!items.every(isHashable)) this.refuse('a Set that holds an object or an array', SPREAD)
    return tag('set', items)
  }

  /** @param {Map<unknown, unknown>} value */
  map (value) {
    const pairs = [...value].map((pair, i) => this.items(pair, i))
    if (!pairs.every(([key]) => isHashable(key))) this.refuse('a Map with an object or an array as a key', SPREAD)
    return tag('map', pairs)
  }

  /** @param {string | number} step @param {unknown} value */
  deeper (step, value) {
    this.path.push(step)
    const converted = this.convert(value)
    this.path.pop()
    return converted
  }

  /** @param {Record<string, unknown>} value */
  fields (value) {
    const out = Object.create(null)          // so that a key "__proto__" is only ever data
    const keys = Object.keys(value)
    for (const key of keys) {
      const field = value[key]
      if (field !== undefined) out[key] = this.deeper(key, field)
    }
    return '$' in out && Object.keys(out).length === 1 ? tag('object', out) : out
  }

  /** @param {Date} value */
  date (value) {
    const milliseconds = value.getTime()
    if (Number.isNaN(milliseconds)) this.refuse('an invalid Date', 'Give null, or look where it was made: its text was no date.')
    return tag('date', milliseconds)
  }

  /** @param {any} value */
  bytes (value) {
    const view = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value)
    const at = this.attachments.push(view) - 1
    const kind = ARRAY_KINDS.get(typedArrayName.call(value) ?? '')
    if (kind === undefined || kind === 'uint8') return tag('bytes', at)
    return tag('array', kind, this.shape(value), at)
  }

  /** @param {any} value */
  shape (value) {
    const { shape = [value.length] } = value
    const fits = Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0) &&
      shape.reduce((total, size) => total * size, 1) === value.length
    if (!fits) this.refuse(`an array of ${value.length} numbers with a shape that does not fit`)
    return shape
  }

  /** @param {any} value */
  refuseStrange (value) {
    if (isNativeError(value)) this.refuse('an Error', 'Throw it, or give its message.')
    if (typeof value.then === 'function') this.refuse('a promise', 'Await it first.')
    if (isRegExp(value)) this.refuse('a RegExp', 'Give its `source`.')
    if (isIterator(value)) this.refuse(isGeneratorObject(value) ? 'a generator' : 'an iterator', isAsync(value) ? READ : SPREAD)
    if (typeof value.pipe === 'function' || typeof value.getReader === 'function') this.refuse('a stream', READ)
    if (isWeakMap(value) || isWeakSet(value)) this.refuse('a weak collection')
    if (isBoxedPrimitive(value)) this.refuse('a boxed primitive', 'Give its `valueOf()`.')
    if (isProxy(value)) this.refuse('a Proxy', 'Give a copy, such as { ...it }.')
  }

  /** @param {string} what @param {string} [instead] what to do @returns {never} */
  refuse (what, instead = 'Give data in its place: text, numbers, arrays, plain objects or bytes.') {
    const { name, depth } = this.place
    const where = this.path.slice(depth).map((step) => `[${JSON.stringify(step)}]`).join('')
    throw new ValueNotSupported(`${name}${where} is ${what}, which can not be given to Python. ${instead}`)
  }
}

/** What objects become that Python can have in a set, and as the key of a dict. */
const HASHABLE = new Set(['int', 'float', 'bytes', 'date'])

/** @param {any} converted */
function isHashable (converted) {
  if (converted === null || typeof converted !== 'object') return true
  return Object.keys(converted).length === 1 && Array.isArray(converted.$) && HASHABLE.has(converted.$[0])
}

/** Those of Python too, as they come with the data. @param {any} value */
function isIterator (value) {
  return typeof value.next === 'function' && (isAsync(value) || typeof value[Symbol.iterator] === 'function')
}

/** @param {any} value */
function isAsync (value) {
  return typeof value[Symbol.asyncIterator] === 'function'
}

/** @param {number} value */
function convertNumber (value) {
  if (isPlainNumber(value)) return value
  if (Number.isInteger(value) && value !== 0) return tag('int', String(BigInt(value)))
  return tag('float', Object.is(value, -0) ? '-0' : String(value))
}

/**
 * Whether JSON says a number as it is. From 2^53 up to 1e21 it writes digits like those of an integer that is another one:
 * 1152921504606847000 for 2^60. Beyond, it writes an exponent.
 * @param {number} value
 */
export function isPlainNumber (value) {
  if (value < 2 ** 53 && value > -(2 ** 53)) return value !== 0 || 1 / value > 0
  return Number.isFinite(value) && Math.abs(value) >= 1e21
}

/** @param {string} kind @param {unknown[]} rest */
function tag (kind, ...rest) {
  return { $: [kind, ...rest] }
}

/**
 * Replace the tags in a parsed JSON value by what they stand for.
 * @param {any} tree @param {Uint8Array[]} attachments @param {Program | null} program @returns {unknown}
 */
export function decodeRich (tree, attachments, program) {
  if (tree === null || typeof tree !== 'object') return tree
  if (Array.isArray(tree)) return tree.map((item) => decodeRich(item, attachments, program))
  const keys = Object.keys(tree)
  if (keys.length === 1 && keys[0] === '$') return decodeTag(tree.$, attachments, program)
  return decodeFields(tree, attachments, program)
}

/** @param {any} tree @param {Uint8Array[]} attachments @param {Program | null} program */
function decodeFields (tree, attachments, program) {
  for (const key of Object.keys(tree)) {
    const value = decodeRich(tree[key], attachments, program)
    if (key === '__proto__') Object.defineProperty(tree, key, { value, enumerable: true, configurable: true, writable: true })
    else tree[key] = value
  }
  return tree
}

/** @param {any[]} tag @param {Uint8Array[]} attachments @param {Program | null} program */
function decodeTag ([kind, first, second, third], attachments, program) {
  switch (kind) {
    case 'int': return BigInt(first)
    case 'float': return Number(first)
    case 'bytes': return attachments[first]
    case 'text': return decodeText(attachments[first])
    case 'date': return new Date(first)
    case 'set': return new Set(first.map((/** @type {any} */ item) => decodeRich(item, attachments, program)))
    case 'map': return new Map(first.map((/** @type {any} */ pair) => decodeRich(pair, attachments, program)))
    case 'object': return decodeFields(first, attachments, program)
    case 'array': return decodeArray(first, second, attachments[third])
    case 'function': if (program !== null) return program.callable(first); break
    case 'iterator': if (program !== null) return program.iterator(first); break
  }
  throw new ValueNotSupported(`The data has a tag that is not understood: ${JSON.stringify(kind)}.`)
}

/** @param {Uint8Array} bytes */
function decodeText (bytes) {
  if (!isUtf8(bytes)) throw new ValueNotSupported('The data has a text that is no UTF-8.')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}

/** @param {string} kind @param {number[]} shape @param {Uint8Array} bytes */
function decodeArray (kind, shape, bytes) {
  const TypedArray = ARRAY_CLASSES[kind]
  if (TypedArray === undefined) throw new ValueNotSupported(`The data has an array of an unknown kind: ${JSON.stringify(kind)}.`)
  // A typed array must lie at a multiple of its item's size, so the bytes move into a place of their own.
  const array = new TypedArray(new Uint8Array(bytes).buffer)
  return Object.defineProperty(array, 'shape', { value: shape, writable: true, configurable: true })
}

const STRING_OR_LONG_INTEGER = /"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g
const BIGINT = `bigint:${Math.random()}${Math.random()}:`     // no data holds it by chance, so what begins with it is ours

/**
 * JSON.parse in which every integer is exact: those that a number would round become BigInts.
 * @param {string} text @returns {unknown}
 */
export function parseExactly (text) {
  let marked = ''
  let at = 0
  const pattern = STRING_OR_LONG_INTEGER
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [token] = match
    if (token === '"') pattern.lastIndex = endOfString(text, pattern.lastIndex)
    else if (!Number.isSafeInteger(Number(token))) {
      marked += `${text.slice(at, match.index)}"${BIGINT}${token}"`
      at = pattern.lastIndex
    }
  }
  if (at === 0) return JSON.parse(text)
  return JSON.parse(marked + text.slice(at), (_, value) =>
    typeof value === 'string' && value.startsWith(BIGINT) ? BigInt(value.slice(BIGINT.length)) : value)
}

/**
 * Where a string ends. By hand: a pattern for it would run out of stack in a string of many megabytes.
 * @param {string} text @param {number} start just behind its first quote
 */
function endOfString (text, start) {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let first = end
    while (first > start && text[first - 1] === '\\') first--
    if ((end - first) % 2 === 0) return end + 1
  }
  return text.length
}
