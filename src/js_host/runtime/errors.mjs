/**
 * What a function threw, made ready to cross: always a description, whatever was thrown.
 *
 * JavaScript throws anything: strings, null, proxies, errors whose getters throw. Every read here is guarded, every text and
 * list has a bound, so that describing an error can not itself fail or flood the wire.
 */

import { isNativeError } from 'node:util/types'
import { hintFor } from './hints.mjs'
import { isOurs } from './place.mjs'
import { util } from './util.mjs'

export { hintFor }

/** What to do about a value that is no Error, of which nobody knows where it was thrown. */
const NO_ERROR = 'What was thrown is no Error, so there is no stack: write `throw new Error(…)`.'

const MAX_TEXT = 65536
const MAX_DEPTH = 8
const MAX_ERRORS = 16

/**
 * @typedef {object} Described
 * @property {'error'} type
 * @property {string} name
 * @property {string} message
 * @property {string} stack
 * @property {Described | null} cause
 * @property {Record<string, unknown>} fields own enumerable properties that JSON can say
 * @property {unknown} [value] what was thrown, if that was no Error
 * @property {string} [hint] what to do next, where that is known
 * @property {number} [fault] the question to the program whose exception is behind it
 */

/** The config file, or what it holds, is wrong: `hint` says what to write. */
export class ConfigError extends Error {
  /**
   * @param {string} code stable, for programs
   * @param {string} message
   * @param {string} hint
   */
  constructor (code, message, hint) {
    super(message)
    this.name = 'ConfigError'
    this.code = code
    this.hint = hint
  }
}

/** Stands for something that is no Error where one is needed. It keeps the stack of the place that handed it over. */
export class ThrownValue extends Error {
  /** @param {unknown} value */
  constructor (value) {
    super(textOf(value))
    this.name = 'Error'
    Object.defineProperty(this, 'value', { value })
  }
}

/**
 * @param {unknown} thrown
 * @returns {Error}
 */
export function asError (thrown) {
  return isError(thrown) ? thrown : new ThrownValue(thrown)
}

/**
 * Errors of other realms (`node:vm`, jsdom) count too.
 * @param {unknown} thrown
 * @returns {thrown is Error}
 */
export function isError (thrown) {
  try {
    return isNativeError(thrown) || thrown instanceof Error
  } catch {
    return false
  }
}

/**
 * A start that failed, with file, line and code. Loaded when it is needed only.
 * @param {unknown} thrown
 * @param {string} configFile
 * @returns {Promise<import('./start_error.mjs').StartError>}
 */
export async function startError (thrown, configFile) {
  const { tellStart } = await import('./start_error.mjs')
  return tellStart(thrown, configFile)
}

/**
 * @param {unknown} thrown
 * @returns {Described}
 */
export function describeError (thrown) {
  const described = describe(thrown, 1, new Set())
  const hint = isError(thrown) ? hintFor(thrown) : NO_ERROR
  if (hint) described.hint = hint
  return described
}

/**
 * @param {unknown} thrown
 * @param {number} depth
 * @param {Set<unknown>} seen
 * @returns {Described}
 */
function describe (thrown, depth, seen) {
  if (!isError(thrown)) return describeValue(thrown)
  seen.add(thrown)
  const name = stringOf(read(thrown, 'name')) || 'Error'
  const message = stringOf(read(thrown, 'message'))
  const stack = ownFrames(stringOf(read(thrown, 'stack'))) || `${name}: ${message}`
  const cause = describeCause(thrown, depth, seen)
  /** @type {Described} */
  const described = { type: 'error', name, message, stack, cause, fields: fieldsOf(thrown, depth, seen) }
  if (thrown instanceof ThrownValue) described.value = jsonOf(read(thrown, 'value')) ?? null
  return described
}

/**
 * @param {unknown} value
 * @returns {Described}
 */
function describeValue (value) {
  const message = textOf(value)
  return { type: 'error', name: 'Error', message, stack: `Error: ${message}`, cause: null, fields: {}, value: jsonOf(value) ?? null }
}

/**
 * @param {Error} error
 * @param {number} depth
 * @param {Set<unknown>} seen
 * @returns {Described | null}
 */
function describeCause (error, depth, seen) {
  const cause = read(error, 'cause')
  if (cause === undefined || cause === null || depth > MAX_DEPTH || seen.has(cause)) return null
  return describe(cause, depth + 1, seen)
}

/**
 * @param {Error} error
 * @param {number} depth
 * @param {Set<unknown>} seen
 * @returns {Record<string, unknown>}
 */
function fieldsOf (error, depth, seen) {
  /** @type {Record<string, unknown>} */
  const fields = Object.create(null)
  for (const key of keysOf(error)) {
    if (key === 'name' || key === 'message' || key === 'stack' || key === 'cause') continue
    const value = jsonOf(read(error, key))
    if (value !== undefined) fields[key] = value
  }
  const errors = depth <= MAX_DEPTH ? firstOf(read(error, 'errors')) : null
  if (errors !== null) fields.errors = errors.filter((one) => !seen.has(one)).map((one) => describe(one, depth + 1, seen))
  return fields
}

/** @param {unknown} errors @returns {unknown[] | null} */
function firstOf (errors) {
  try {
    return Array.isArray(errors) ? Array.from(errors).slice(0, MAX_ERRORS) : null
  } catch {
    return null
  }
}

/** @param {object} object */
function keysOf (object) {
  try {
    return Object.keys(object)
  } catch {
    return []
  }
}

/**
 * @param {unknown} object
 * @param {string} key
 * @returns {unknown}
 */
function read (object, key) {
  try {
    return /** @type {any} */ (object)[key]
  } catch {
    return undefined
  }
}

/**
 * A copy that JSON can say, or undefined: for functions, circular objects, hostile getters and whatever is too long.
 * @param {unknown} value
 * @returns {unknown}
 */
function jsonOf (value) {
  if (typeof value === 'bigint') return String(value)
  try {
    const text = JSON.stringify(value)
    return text === undefined || text.length > MAX_TEXT ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * The user's part of a stack: down to where this runtime called the function, without the calls of this runtime on top where that made the error.
 * What lies below says nothing about it.
 * @param {string} stack
 */
export function ownFrames (stack) {
  const lines = stack.split('\n')
  const first = lines.findIndex(isFrame)
  const top = lines.findIndex((line, at) => at >= first && !isOurFrame(line))
  const border = lines.findIndex((line, at) => at >= top && isOurFrame(line))
  if (first < 0 || (border < 0 && top === first)) return stack
  const frames = top < 0 ? [] : lines.slice(top, border < 0 ? undefined : border)
  const isNodes = top !== first && frames.every((line) => line.includes('node:'))
  return [...lines.slice(0, first), ...isNodes ? [] : frames].join('\n')
}

/** @param {string} line */
function isFrame (line) {
  return line.startsWith('    at ')
}

/** @param {string} line */
function isOurFrame (line) {
  return isFrame(line) && isOurs(line)
}

/** @param {unknown} value */
function stringOf (value) {
  return typeof value === 'string' ? bounded(value) : ''
}

/**
 * What was thrown, in words for a person.
 * @param {unknown} value
 */
function textOf (value) {
  if (typeof value === 'string') return bounded(value)
  try {
    return bounded(util().inspect(value, { customInspect: false, getters: false, depth: 2 }))
  } catch {
    return `a value of type ${typeof value} that can not be shown`
  }
}

/** @param {string} text */
function bounded (text) {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length - MAX_TEXT} more characters)`
}
