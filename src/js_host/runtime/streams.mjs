// Streams: results that come in parts, taken at the pace of whoever reads them.
//
// A stream is an iterator or an async iterable: generators, Node's Readable and the web's ReadableStream among them.

import { CHUNK, LEAST_COST, WINDOW, bodyLength } from './frames.mjs'
import { isThenable, logLateError } from './functions.mjs'
import { performance, setImmediate } from './originals.mjs'

/** How long a stream whose parts are always ready keeps the event loop to itself, in ms. */
const SLICE = 5

/**
 * Arrays, texts and sets are none: only what is read once.
 * @param {any} value
 */
export function isStream (value) {
  if (value === null || typeof value !== 'object') return false
  try {
    return typeof value[Symbol.asyncIterator] === 'function' ||
      (typeof value.next === 'function' && typeof value[Symbol.iterator] === 'function')
  } catch {
    return false                             // a trap: whoever writes it as a value says so
  }
}

/**
 * @typedef {object} Source
 * @property {() => any} next `{done, value}`, or a promise of it
 * @property {(reason?: unknown) => any} close nobody wants more
 */

/**
 * Streams of Node and the web are closed by their own means: `return()` of their iterators would wait for the next part.
 * @param {any} stream @returns {Source}
 */
function openStream (stream) {
  if (typeof stream.getReader === 'function') {
    const reader = stream.getReader()
    return { next: () => reader.read(), close: (reason) => reader.cancel(reason) }
  }
  const iterator = typeof stream[Symbol.asyncIterator] === 'function' ? stream[Symbol.asyncIterator]() : stream[Symbol.iterator]()
  if (typeof stream.destroy !== 'function') return { next: () => iterator.next(), close: () => iterator.return?.() }
  stream.on?.('error', () => {})             // its iterator tells of it; after the close nobody wants to know
  return { next: () => iterator.next(), close: () => stream.destroy() }
}

/**
 * Close a stream that was never read.
 * @param {import('./host.mjs').Host} host @param {string} name of the function @param {unknown} stream @param {unknown} [reason]
 */
export function closeStream (host, name, stream, reason) {
  closeSource(host, name, () => openStream(stream).close(reason))
}

/** @param {import('./host.mjs').Host} host @param {string} name @param {() => unknown} close */
function closeSource (host, name, close) {
  const failed = (/** @type {unknown} */ error) => logLateError(host, name, error)
  try {
    const closing = close()
    if (isThenable(closing)) closing.then(undefined, failed)
  } catch (error) {
    failed(error)
  }
}

/** Takes the parts from one stream and sends them, as long as there is credit for them. */
export class Pump {
  /**
   * @param {import('./calls.mjs').Calls} calls @param {import('./functions.mjs').Call} call @param {unknown} stream
   */
  constructor (calls, call, stream) {
    this.calls = calls
    this.call = call
    this.source = openStream(stream)
    this.credit = WINDOW
    /** When the event loop is to have its turn. */
    this.sliceEnd = 0
    /** @type {(() => void) | null} goes on, once there is credit again */
    this.resume = null
  }

  /** Send all parts, until the stream or its call has ended. */
  async run () {
    const { call, calls } = this
    this.sliceEnd = performance.now() + SLICE
    try {
      while (true) {
        if (this.credit <= 0 || performance.now() >= this.sliceEnd) await this.pause()
        if (call.settled) return
        const taken = this.take()
        const step = isThenable(taken) ? await taken : taken
        if (call.settled) return
        if (step.done) return calls.finish(call)
        const value = isThenable(step.value) ? await step.value : step.value
        if (call.settled || !this.send(value)) return
      }
    } catch (error) {
      calls.fail(call, error)
    }
  }

  /** Take the next part: its deadline counts from now. */
  take () {
    const { call, calls: { worker, timeOut } } = this
    worker.renew(call, timeOut)
    worker.begin(call)
    try {
      return this.source.next()
    } finally {
      worker.pause()
    }
  }

  /** @param {unknown} value @returns {boolean} whether it could be sent */
  send (value) {
    const { call, calls } = this
    try {
      const frame = calls.encode(call.id, CHUNK, value)
      this.credit -= Math.max(bodyLength(frame), LEAST_COST)
      calls.connection.write(frame)
      return true
    } catch (error) {
      calls.refuseResult(call, error)
      this.close(error)
      return false
    }
  }

  /** Wait for credit, which has no deadline, or for a turn of the event loop. */
  async pause () {
    if (this.credit > 0) await new Promise((resolve) => setImmediate(resolve))
    else {
      this.call.deadline = 0
      await new Promise((resolve) => { this.resume = () => resolve(null) })
    }
    this.sliceEnd = performance.now() + SLICE
  }

  /** The reader has consumed so much. @param {number} bytes */
  grant (bytes) {
    this.credit += bytes
    if (this.credit > 0) this.wake()
  }

  wake () {
    this.resume?.()
    this.resume = null
  }

  /** Nobody wants more. @param {unknown} reason */
  close (reason) {
    this.wake()
    closeSource(this.calls.worker.host, this.call.name, () => this.source.close(reason))
  }
}
