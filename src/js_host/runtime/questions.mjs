// Questions: what a call asks of the program that made it, through the callables and iterators that came with its data.
//
// In the data they are tags; here an async function and an async iterator stand for them. All of it ends with the call.

import { isError, ownFrames } from './errors.mjs'
import { ANSWER, ASK, END, FrameError, bodyLength } from './frames.mjs'
import { ValueNotSupported } from './rich.mjs'
import { decodeText, decodeValue, valueFrame } from './values.mjs'

/** What an error calls the arguments: they are behind the number and the verb of the question. */
const ARGUMENTS = { name: 'arguments', depth: 1 }

/** How many causes of an error are looked through for a fault. */
const MAX_DEPTH = 8

/**
 * @typedef {object} Open a question that was not answered yet
 * @property {boolean} iterates
 * @property {(answer: unknown) => void} resolve
 * @property {(error: unknown) => void} reject
 * @property {Promise<unknown>} promise
 * @property {{stack?: string}} place where it was asked
 */

/** What the program raised while it answered. Its stack tells both halves: where JavaScript asked, and the traceback. */
export class PythonError extends Error {
  /** @param {{name: string, message: string, stack: string}} fault @param {{stack?: string}} place */
  constructor ({ name, message, stack }, place) {
    super(message)
    const frames = ownFrames(String(place.stack)).split('\n').filter((line) => line.startsWith('    at '))
    const text = [message === '' ? name : `${name}: ${message}`, ...frames, '', stack.trimEnd()].join('\n')
    for (const [key, value] of [['name', name], ['stack', text]]) {
      Object.defineProperty(this, key, { value, writable: true, configurable: true })
    }
  }
}

export class Questions {
  /** @param {import('./connection.mjs').Connection} connection @param {import('./functions.mjs').Call} call */
  constructor (connection, call) {
    this.connection = connection
    this.call = call
    /** @type {Map<number, Open>} */
    this.open = new Map()
    this.last = 0
    /** @type {WeakMap<Error, number>} the questions that were answered by a fault, by their error */
    this.faults = new WeakMap()
  }

  /** A function that calls one of the program's. @param {number} n */
  callable (n) {
    const use = (/** @type {unknown[]} */ ...args) => this.ask([n, 'call', args], placeOf(use))
    return use
  }

  /** What reads one of the program's iterators. @param {number} n */
  iterator (n) {
    return new ProgramIterator(this, n)
  }

  /**
   * @param {unknown[]} question @param {{stack?: string}} place @param {boolean} [iterates] the answer is an item of an iterator
   * @returns {Promise<any>}
   */
  ask (question, place, iterates = false) {
    const { call, connection, open } = this
    if (call.settled) return Promise.reject(this.tooLate())
    const number = this.last = this.last % 0xffffffff + 1
    try {
      connection.write(this.encode(question, number))
    } catch (error) {
      return Promise.reject(error)
    }
    const one = /** @type {Open} */ ({ iterates, place })
    one.promise = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }))
    open.set(number, one)
    return one.promise
  }

  /** @param {unknown[]} question @param {number} number */
  encode (question, number) {
    const { limit } = this.connection.worker
    const frame = valueFrame(this.call.id, ASK, question, number, ARGUMENTS)
    const size = bodyLength(frame)
    if (size <= limit) return frame
    throw new RangeError(`The arguments take ${size} bytes; the limit is ${limit}. Raise requestDataLimit in the config, or pass less.`)
  }

  /**
   * What the program says to a question.
   * @param {number} kind ANSWER, END or FAULT @param {number} number
   * @param {Buffer} bytes @param {number} start @param {number} end @param {number} flags @param {boolean} owned
   */
  answered (kind, number, bytes, start, end, flags, owned) {
    const one = this.open.get(number)
    if (one === undefined) return
    this.open.delete(number)
    if (kind === END) return one.resolve(one.iterates ? { done: true, value: undefined } : undefined)
    if (kind !== ANSWER) return one.reject(this.fault(number, bytes, start, end, one.place))
    try {
      const value = decodeValue(bytes, start, end, flags, owned, this)
      one.resolve(one.iterates ? { done: false, value } : value)
    } catch (error) {
      if (!(error instanceof ValueNotSupported || error instanceof SyntaxError)) throw error
      one.reject(error)
    }
  }

  /** @param {number} number @param {Buffer} bytes @param {number} start @param {number} end @param {{stack?: string}} place */
  fault (number, bytes, start, end, place) {
    const error = new PythonError(readFault(bytes, start, end), place)
    this.faults.set(error, number)
    return error
  }

  /** The question whose fault an error is, or is caused by. @param {unknown} error @returns {number | undefined} */
  faultOf (error) {
    for (let depth = 0; depth <= MAX_DEPTH && isError(error); depth++) {
      const number = this.faults.get(error)
      if (number !== undefined) return number
      error = causeOf(error)
    }
  }

  /** The call has ended: nobody answers any more, and nobody needs to be told of it who did not wait. */
  end () {
    for (const { promise, reject } of this.open.values()) {
      promise.catch(() => {})
      reject(this.tooLate())
    }
    this.open.clear()
  }

  tooLate () {
    return new Error(`The call of "${this.call.name}" has ended: what the program passed to it can be used during the call only.`)
  }
}

/** Reads an iterator of the program, one item after the other, also where several are asked for at once. */
class ProgramIterator {
  #questions
  #n
  #over = false
  /** @type {Promise<unknown>} */
  #last = Promise.resolve()

  /** @param {Questions} questions @param {number} n */
  constructor (questions, n) {
    this.#questions = questions
    this.#n = n
  }

  [Symbol.asyncIterator] () {
    return this
  }

  /** @returns {Promise<IteratorResult<unknown>>} */
  next () {
    const place = placeOf(this.next)
    return this.#inTurn(() => this.#ask(place))
  }

  /** Nobody wants more items. @param {unknown} [value] */
  return (value) {
    const place = placeOf(this.return)
    return this.#inTurn(async () => {
      if (!this.#over && !this.#questions.call.settled) {
        this.#over = true
        await this.#questions.ask([this.#n, 'close'], place)
      }
      return { done: true, value }
    })
  }

  /** @param {{stack?: string}} place */
  async #ask (place) {
    if (this.#over) return { done: true, value: undefined }
    this.#over = true                        // unless an item comes
    const step = await this.#questions.ask([this.#n, 'next'], place, true)
    this.#over = step.done
    return step
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  #inTurn (work) {
    const result = this.#last.then(work, work)
    this.#last = result
    return result
  }
}

/** Where a function was called: its stack is only put into words when somebody reads it. @param {Function} fn */
function placeOf (fn) {
  /** @type {{stack?: string}} */
  const place = {}
  Error.captureStackTrace(place, fn)
  return place
}

/** @param {Buffer} bytes @param {number} start @param {number} end */
function readFault (bytes, start, end) {
  let fault
  try {
    fault = JSON.parse(decodeText(bytes, start, end))
  } catch {
    // it is none
  }
  if (fault === null || typeof fault !== 'object') throw new FrameError('A fault came in that is no JSON object.')
  return { name: String(fault.name ?? 'Exception'), message: String(fault.message ?? ''), stack: String(fault.stack ?? '') }
}

/** @param {Error} error */
function causeOf (error) {
  try {
    return error.cause
  } catch {
    return undefined
  }
}
