// Messages: what the frames that are no values say, as JSON. docs/protocol.md is the law; _wire/messages.py is the twin.

import { BYE, ERROR, FrameError, HELLO, LOG, MAILBOX, bodyLength, textFrame } from './frames.mjs'
import { nearest } from './near.mjs'
import { decodeText } from './values.mjs'

export const PROTOCOL = 1

/** @typedef {{type: string, name: string, message: string, stack?: string, maybeExecuted?: boolean, [field: string]: unknown}} ErrorMessage */

/**
 * Of an error that is over the limit, only the beginning is told.
 * @param {number} id @param {ErrorMessage} error @param {number} limit of the body, in bytes
 */
export function errorFrame (id, error, limit) {
  const frame = textFrame(id, ERROR, JSON.stringify(error))
  return bodyLength(frame) <= limit ? frame : textFrame(id, ERROR, JSON.stringify(beginningOf(error, limit / LARGEST_SHARE)))
}

/** What part of the limit, in characters, each of the three texts of an error may take: JSON has up to six bytes for a character. */
const LARGEST_SHARE = 20

/** @param {ErrorMessage} error @param {number} most characters of each text */
function beginningOf ({ type, name, message, stack, maybeExecuted, fault }, most) {
  return { type, name: name.slice(0, most), message: message.slice(0, most), stack: stack?.slice(0, most), maybeExecuted, fault }
}

/** @param {{reason: string, message: string, [field: string]: unknown}} bye */
export function byeFrame (bye) {
  return textFrame(0, BYE, JSON.stringify(bye))
}

/** What the program is to be warned of. @param {string} text */
export function warningFrame (text) {
  return textFrame(0, LOG, JSON.stringify({ level: 'warn', text }))
}

/** The answer to a client that offered memory. @param {boolean} taken */
export function mailboxFrame (taken) {
  return textFrame(0, MAILBOX, '', Number(taken))
}

/**
 * Where the memory is that a client offers.
 * @param {Buffer} bytes @param {number} start @param {number} end @returns {Record<string, unknown>}
 */
export function readOffer (bytes, start, end) {
  try {
    return Object(JSON.parse(decodeText(bytes, start, end)))
  } catch {
    throw new FrameError('The offer of a mailbox is no JSON.')
  }
}

/** @param {Record<string, unknown>} hello */
export function helloFrame (hello) {
  return textFrame(0, HELLO, JSON.stringify({ protocol: PROTOCOL, ...hello }))
}

/**
 * The client's first message, checked.
 * @param {Buffer} bytes @param {number} start @param {number} end
 */
export function readHello (bytes, start, end) {
  let hello
  try {
    hello = JSON.parse(decodeText(bytes, start, end))
  } catch {
    throw new FrameError('The first frame is no hello.')
  }
  if (hello?.protocol !== PROTOCOL) {
    throw new FrameError(`This worker speaks version ${PROTOCOL} of the protocol, the client ${JSON.stringify(hello?.protocol)}. ` +
      'Install the same version of js-host on both sides.')
  }
  return hello
}

/** @param {string} name @param {string[]} known @returns {ErrorMessage} */
export function unknownFunction (name, known) {
  const near = nearest(name, known)
  const meant = near === undefined ? '' : `Did you mean ${JSON.stringify(near)}? `
  const message = `The config has no function named ${JSON.stringify(name)}. ${meant}${known.length > 0 ? listed(known) : NONE}`
  return { type: 'unknown-function', name: 'UnknownFunction', message, maybeExecuted: false }
}

const NONE = 'It exports none: write module.exports = { functions: { … } }, or `export function name (data) { … }`.'
const MOST_LISTED = 30

/** @param {string[]} names */
function listed (names) {
  const more = names.length - MOST_LISTED
  return `It has: ${names.slice(0, MOST_LISTED).join(', ')}${more > 0 ? `, and ${more} more: \`js-host functions\` lists them` : ''}.`
}

/**
 * @param {number} time that it had, in ms @param {boolean} callbackStyle
 * @param {boolean} inParts some part of its stream may have come @returns {ErrorMessage}
 */
export function timedOut (time, callbackStyle, inParts) {
  const hint = inParts ? GIVE_TIME : callbackStyle ? CALL_BACK : `${GIVE_TIME} ${WAITING_COUNTS}`
  return {
    type: 'timeout',
    name: 'TimeoutError',
    message: `no ${inParts ? 'further part of its stream' : 'result'} within ${seconds(time)}. ${hint}`,
    maybeExecuted: true
  }
}

const GIVE_TIME = 'If it needs longer, give it a longer `timeout`.'
/** So that it is no riddle where a call of one second is told of less. */
const WAITING_COUNTS = 'The wait for a worker counts, too.'
const CALL_BACK = 'It has two parameters or more, so only a call of its callback, `cb(null, result)`, is a result. ' +
  'If the second is meant to be the context, write `(data, context = null)`.'

/** What is left of a timeout when its call arrives, as the caller wrote it. @param {number} time in ms */
function seconds (time) {
  const step = time < 1000 ? 10 : 100
  return `${Math.ceil(time / step) * step / 1000} s`
}

/** @type {ErrorMessage} */
export const TOO_LATE = { type: 'timeout', name: 'TimeoutError', message: 'the deadline had passed before it could start.', maybeExecuted: false }

/** @param {number} size @param {number} limit @returns {ErrorMessage} */
export function tooLarge (size, limit) {
  return {
    type: 'too-large',
    name: 'PayloadTooLarge',
    message: `The result takes ${size} bytes; the limit is ${limit}. Raise requestDataLimit in the config, or return less.`,
    maybeExecuted: true
  }
}

/** A result, or part of one, that is larger than a frame may be. */
export class TooLarge extends RangeError {
  /** @param {number} size @param {number} limit */
  constructor (size, limit) {
    super()
    this.description = tooLarge(size, limit)
  }
}

/** A stream was returned to a caller that takes no parts. @param {string} name @returns {ErrorMessage} */
export function unwantedStream (name) {
  const message = `Function "${name}" returned a stream: call it with \`.stream(...)\`, or let it return one value.`
  return { type: 'bad-value', name: 'ValueNotSupported', message, maybeExecuted: true }
}

/** @param {Error} error @returns {ErrorMessage} */
export function badValue (error) {
  return { type: 'bad-value', name: error.name, message: error.message, maybeExecuted: true }
}

/** @type {ErrorMessage} */
export const STOPPING = { type: 'stopping', name: 'Stopping', message: 'The worker is stopping and takes no more calls.', maybeExecuted: false }

/** What a client is told that did not say who it is. */
export const NO_TOKEN = 'This host wants its token, and none came. Give it in TOKEN or TOKEN_FILE, or in the variable JS_HOST_TOKEN.'
export const WRONG_TOKEN = 'The token that came is not the one of this host. Look at TOKEN, TOKEN_FILE and the variable JS_HOST_TOKEN.'
