/**
 * One call of one function: the two shapes that a function can have, and what it gets as `this`.
 *
 * Everything here runs once per call, so it allocates what the function can see and nothing else:
 * no promise for a function that returned a plain value, no AbortController before somebody asks for the signal.
 *
 * Two parameters or more: callback style, `function (data, cb)`. What it returns is ignored; a promise that rejects is its error.
 * Fewer, and generator functions, which never call a callback: value style, `fn(data, context)`. What it returns, or what its promise resolves to, is the result.
 */

import { isAsyncFunction, isGeneratorFunction, isPromise } from 'node:util/types'
import { asError, ConfigError, ownFrames } from './errors.mjs'
import { performance } from './originals.mjs'

/** What a connection knows of one call that it was asked for. */
export class Call {
  /**
   * @param {number} id chosen by the caller, unique on its connection
   * @param {string} name of the function
   * @param {number} deadline on the clock of performance.now(), 0 for none
   * @param {number} [time] how long it may take, in ms, 0 for as long as it likes
   * @param {boolean} [streams] the caller takes the result in parts
   * @param {number} [number] which call of its worker it is
   */
  constructor (id, name, deadline, time = 0, streams = false, number = 0) {
    this.id = id
    this.number = number
    this.name = name
    this.deadline = deadline
    this.time = time
    this.streams = streams
    this.settled = false
    /** When it came in, on the clock of performance.now(); known where metrics are kept. */
    this.arrival = 0
    /** @type {string | undefined} of the span that it belongs to, as W3C Trace Context writes it */
    this.traceparent = undefined
    /** @type {AbortController | null} */
    this.controller = null
    /** @type {import('./streams.mjs').Pump | null} what sends its result in parts */
    this.pump = null
    /** @type {import('./attribution.mjs').Slot | null} by which its lines of the console are known */
    this.slot = null
    /** @type {import('./questions.mjs').Questions | null} what it can ask of the program */
    this.questions = null
  }

  /** The deadline counts from now. */
  renew () {
    if (this.time !== 0) this.deadline = performance.now() + this.time
  }

  /** Made when it is first read: most functions never do. */
  get signal () {
    return (this.controller ??= new AbortController()).signal
  }

  /** @param {unknown} [reason] what `signal.reason` will be */
  abort (reason) {
    this.controller ??= new AbortController()
    this.controller.abort(reason)
    this.pump?.close(reason)
  }
}

/** Why the signals of calls fire for which a stopping worker can wait no longer. */
export function outOfTime () {
  return new DOMException('The worker is stopping, and the time for its calls is nearly over.', 'AbortError')
}

/**
 * When those signals fire, so that the calls have the rest of the time to end by themselves.
 * @param {number} time that the worker has to stop, in ms
 */
export function noticeTime (time) {
  return time - Math.min(500, time / 10)
}

/** `this` of a function, and the parameter after the data of a value-style one. It belongs to one call. */
export class Context {
  /** @type {Call} */
  #call

  /**
   * @param {string} name
   * @param {import('./host.mjs').Host} host
   * @param {Call} call
   */
  constructor (name, host, call) {
    this.name = name
    this.host = host
    this.#call = call
  }

  /** Fires when the deadline passes, when the caller has cancelled or gone, and when a stopping worker can wait no longer. */
  get signal () {
    return this.#call.signal
  }

  /** The moment, on the clock of performance.now(), after which nobody waits for the result; Infinity where there is none. */
  get deadline () {
    return this.#call.deadline || Infinity
  }

  /** The span that the call belongs to, as W3C Trace Context writes it; undefined where nobody traces it. */
  get traceparent () {
    return this.#call.traceparent
  }

  get log () {
    return this.host.logger
  }
}

/** A function of the config under its name. */
export class FunctionEntry {
  /**
   * @param {string} name
   * @param {Function} fn
   */
  constructor (name, fn) {
    if (typeof name !== 'string' || name === '') {
      throw new ConfigError('JS_HOST_FUNCTION_NAME', `"${String(name)}" is not a valid function name`,
        'Give the function a name that is a string with at least one character.')
    }
    if (typeof fn !== 'function') {
      throw new ConfigError('JS_HOST_NOT_A_FUNCTION', `"${name}" must be a function, but it is ${kindOf(fn)}.`,
        `Write ${name}: function (data, cb) { cb(null, …) }, or ${name}: (data) => …`)
    }
    this.name = name
    this.fn = fn
    this.callbackStyle = fn.length >= 2 && !isGeneratorFunction(fn)
    /** Whether it goes on after it has returned, as far as is known. */
    this.goesOn = isAsyncFunction(fn)
    /** After a first double callback the stack of every first one is kept too: it costs too much to do so for all. */
    this.traced = false
    this.warned = false
  }

  /**
   * Runs the function: returns its value or a promise of it, or throws.
   * @param {import('./host.mjs').Host} host
   * @param {unknown} data
   * @param {Call} call
   * @returns {unknown}
   */
  run (host, data, call) {
    host.counters.calls++
    const context = new Context(this.name, host, call)
    return this.callbackStyle ? runWithCallback(this, context, data) : this.fn.call(context, data, context)
  }
}

/**
 * Only an object with a method `then` counts as a promise.
 * @param {any} value
 * @returns {value is PromiseLike<unknown>}
 */
export function isThenable (value) {
  return value !== null && (typeof value === 'object' || typeof value === 'function') && typeof value.then === 'function'
}

const PENDING = 0
const DONE = 1
const FAILED = 2

/**
 * @param {FunctionEntry} entry
 * @param {Context} context
 * @param {unknown} data
 * @returns {unknown}
 */
function runWithCallback (entry, context, data) {
  const outcome = new Outcome(entry, context.host)
  let returned
  try {
    returned = entry.fn.call(context, data, (/** @type {unknown} */ error, /** @type {unknown} */ value) => outcome.callback(error, value))
  } catch (error) {
    outcome.threw(error)
  }
  if (isPromise(returned)) outcome.watch(returned) // to call any other `then` may run a query a second time
  if (outcome.state === DONE) return outcome.value
  if (outcome.state === FAILED) throw outcome.value
  return new Promise((resolve, reject) => {
    outcome.resolve = resolve
    outcome.reject = reject
  })
}

/** How a callback-style function ended. The first answer counts, whichever way it came. */
class Outcome {
  /**
   * @param {FunctionEntry} entry
   * @param {import('./host.mjs').Host} host
   */
  constructor (entry, host) {
    this.entry = entry
    this.host = host
    this.state = PENDING
    /** @type {unknown} */
    this.value = undefined
    /** @type {((value: unknown) => void) | null} */
    this.resolve = null
    /** @type {((reason: unknown) => void) | null} */
    this.reject = null
    /** @type {Error | null} */
    this.first = null
  }

  /**
   * @param {unknown} error
   * @param {unknown} value
   */
  callback (error, value) {
    if (this.state !== PENDING) return this.repeated(error)
    if (this.entry.traced) this.first = new Error('The first call of the callback')
    if (error) this.settle(FAILED, asError(error))
    else this.settle(DONE, value)
  }

  /** @param {unknown} error */
  threw (error) {
    if (this.state === PENDING) this.settle(FAILED, error)
    else this.late(error)
  }

  /**
   * @param {number} state
   * @param {unknown} value
   */
  settle (state, value) {
    this.state = state
    this.value = value
    if (state === DONE) this.resolve?.(value)
    else this.reject?.(value)
  }

  /** @param {Promise<unknown>} promise that the function returned although it takes a callback */
  watch (promise) {
    promise.then((value) => this.ignored(value), (error) => this.threw(error))
  }

  /**
   * `async (data, context) => value` would otherwise wait for its deadline without a word.
   * @param {unknown} value
   */
  ignored (value) {
    if (this.state !== PENDING || value === undefined || this.entry.warned) return
    this.entry.warned = true
    this.host.logger.error(`Function "${this.entry.name}" returned a value and did not call its callback. It has two parameters, so only ` +
      'its callback counts: call it; or, if the second is meant to be the context, write `(data, context = null)`.')
  }

  /** @param {unknown} error */
  repeated (error) {
    this.host.counters.repeatedCallbacks++
    const second = new Error(`Function "${this.entry.name}" called its callback more than once`)
    const passed = error ? `\nIt passed: ${stackOf(asError(error))}` : ''
    const first = this.first ? stackOf(this.first) : 'The first call is not known: it is recorded from now on.'
    this.entry.traced = true
    this.host.logger.error(`${stackOf(second)}${passed}\n${first}`)
  }

  /** @param {unknown} error */
  late (error) {
    logLateError(this.host, this.entry.name, error)
  }
}

/**
 * A function failed where nobody waits for it any more.
 * @param {import('./host.mjs').Host} host @param {string} name @param {unknown} error
 */
export function logLateError (host, name, error) {
  host.counters.lateErrors++
  host.logger.error(`Function "${name}" had already answered when it failed: ${stackOf(asError(error))}`)
}

/** The user's own part of a stack. @param {Error} error */
function stackOf (error) {
  return ownFrames(String(error.stack))
}

/** @param {unknown} value */
function kindOf (value) {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
