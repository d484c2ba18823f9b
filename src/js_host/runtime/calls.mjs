// The calls of one connection: from the frame that asks for one to the frame that ends it. A call has one end only.

import { describeError } from './errors.mjs'
import { FrameError, HEADER_SIZE, END, PATIENT, RESULT, RICH, STREAM, bodyLength, readUint32, textFrame } from './frames.mjs'
import { Call, outOfTime } from './functions.mjs'
import { STOPPING, TOO_LATE, TooLarge, badValue, errorFrame, timedOut, unknownFunction, unwantedStream } from './messages.mjs'
import { CANCELLED, ERROR, OK, TIMEOUT } from './ends.mjs'
import { performance } from './originals.mjs'
import { Questions } from './questions.mjs'
import { ValueNotSupported } from './rich.mjs'
import { Pump, closeStream, isStream } from './streams.mjs'
import { splitName } from './traces.mjs'
import { decodeValue, valueFrame } from './values.mjs'

/** @typedef {import('./ends.mjs').End} End */

export class Calls {
  /** @param {import('./connection.mjs').Connection} connection */
  constructor (connection) {
    this.connection = connection
    this.worker = connection.worker
    /** @type {Map<number, Call>} those that go on after their function has returned, and have not been answered */
    this.open = new Map()
    this.timeOut = this.timeOut.bind(this)
  }

  /**
   * A CALL has come in, in bytes[at..end).
   * @param {number} id @param {Buffer} bytes @param {number} at @param {number} end @param {boolean} owned
   */
  begin (id, bytes, at, end, owned) {
    const { worker } = this
    const start = at + HEADER_SIZE + (bytes[at + 10] | bytes[at + 11] << 8)
    if (start > end) throw new FrameError('The name of a function is longer than its frame.')
    if (id === 0 || this.open.has(id)) throw new FrameError(`A call came in under the id ${id}, which ${id === 0 ? 'is none' : 'is in use'}.`)
    if (worker.takesNoCalls) return this.refuseWith(id, STOPPING) // before the name: its successor may have a function of it
    let name = bytes.utf8Slice(at + HEADER_SIZE, start)
    let entry = worker.host.functions[name]
    let traceparent
    if (entry === undefined) {
      ({ name, traceparent } = splitName(name))
      entry = worker.host.functions[name]
    }
    if (entry === undefined) return this.refuseWith(id, unknownFunction(name, Object.keys(worker.host.functions)))
    const milliseconds = readUint32(bytes, at + 12)
    const flags = bytes[at + 9]
    const call = new Call(id, name, milliseconds === 0 ? 0 : this.connection.arrival + milliseconds, milliseconds, (flags & STREAM) !== 0, ++worker.count)
    if (call.deadline !== 0 && (flags & PATIENT) === 0 && performance.now() > call.deadline) return this.refuseWith(id, TOO_LATE)
    if (traceparent !== undefined) call.traceparent = traceparent
    this.run(call, entry, bytes, start, end, flags, owned)
  }

  /**
   * @param {Call} call @param {import('./functions.mjs').FunctionEntry} entry
   * @param {Buffer} bytes @param {number} start @param {number} end @param {number} flags @param {boolean} owned
   */
  run (call, entry, bytes, start, end, flags, owned) {
    const { worker } = this
    let data, isLater
    /** @type {any} */
    let value
    if ((flags & RICH) !== 0) call.questions = new Questions(this.connection, call)
    try {
      data = decodeValue(bytes, start, end, flags, owned, call.questions)
    } catch (error) {
      return this.refuse(call.id, error)
    }
    if ((flags & PATIENT) !== 0) call.renew()
    if (worker.host.metrics !== null) worker.host.metrics.began(call, this.connection.arrival)
    worker.begin(call)
    try {
      value = worker.attribution.scope(call, entry.goesOn).runInAsyncScope(entry.run, entry, worker.host, data, call)
      isLater = value !== null && typeof value === 'object' && typeof value.then === 'function'
    } catch (error) {
      worker.pause()
      return this.fail(call, error)
    }
    worker.pause()
    if (isLater) {
      entry.goesOn = true
      this.wait(call, value)
    } else this.settle(call, value)
  }

  /** The data can not be read: the function does not run. @param {number} id @param {unknown} error */
  refuse (id, error) {
    if (error instanceof FrameError) throw error
    this.refuseWith(id, { ...badValue(/** @type {Error} */ (error)), maybeExecuted: false })
  }

  /** The call, or its result, is not taken. @param {number} id @param {import('./messages.mjs').ErrorMessage} error */
  refuseWith (id, error) {
    this.worker.host.metrics?.refuse(error.type)
    this.tell(id, error)
  }

  /** @param {number} id @param {import('./messages.mjs').ErrorMessage} error */
  tell (id, error) {
    this.connection.write(errorFrame(id, error, this.worker.limit))
  }

  /** The result comes later. @param {Call} call @param {PromiseLike<unknown>} promise */
  wait (call, promise) {
    this.keep(call)
    Promise.resolve(promise).then((value) => this.settle(call, value), (error) => this.fail(call, error))
  }

  /** The call goes on. @param {Call} call */
  keep (call) {
    if (this.open.has(call.id)) return
    this.open.set(call.id, call)
    this.worker.wait(call, this.timeOut)
  }

  /** @param {Call} call @param {unknown} value */
  settle (call, value) {
    const late = call.deadline !== 0 && performance.now() > call.deadline
    if (isStream(value)) return this.stream(call, value, late)
    if (!this.end(call, late ? TIMEOUT : OK)) return
    if (late) this.timedOut(call)
    else this.answer(call.id, value)
  }

  /** The result comes in parts. @param {Call} call @param {unknown} stream @param {boolean} late */
  stream (call, stream, late) {
    if (call.settled || late || !call.streams) {
      if (this.end(call, late ? TIMEOUT : ERROR)) late ? this.timedOut(call) : this.tell(call.id, unwantedStream(call.name))
      return closeStream(this.worker.host, call.name, stream)
    }
    this.keep(call)
    try {
      call.pump = new Pump(this, call, stream)
    } catch (error) {
      return this.fail(call, error)
    }
    this.worker.attribution.within(call, () => call.pump?.run())
  }

  /** A stream has ended. @param {Call} call */
  finish (call) {
    if (this.end(call, OK)) this.connection.write(textFrame(call.id, END, ''))
  }

  /** @param {Call} call @param {unknown} error */
  fail (call, error) {
    const fault = call.questions?.faultOf(error)
    if (this.end(call, ERROR)) this.tell(call.id, { ...describeError(error), fault, maybeExecuted: true })
  }

  /** @param {Call} call */
  timeOut (call) {
    if (call.settled) return
    this.timedOut(call)
    this.abandon(call, new DOMException('The deadline of the call has passed.', 'TimeoutError'), TIMEOUT)
  }

  /** @param {Call} call */
  timedOut (call) {
    this.tell(call.id, timedOut(call.time, this.worker.host.functions[call.name].callbackStyle, call.pump !== null))
  }

  /** Nobody waits for the call any more: its function may notice, or go on in vain. @param {Call} call @param {DOMException} reason @param {End} [end] */
  abandon (call, reason, end = CANCELLED) {
    if (!this.end(call, end)) return
    if (call.pump === null) this.worker.host.counters.abandoned++
    call.abort(reason)
  }

  /** The calls can not be waited for much longer: streams end here, the others may still answer. */
  outOfTime () {
    for (const call of [...this.open.values()]) {
      const reason = outOfTime()
      if (call.pump !== null) this.fail(call, reason)
      call.abort(reason)
    }
  }

  /** @param {DOMException} reason */
  abandonAll (reason) {
    for (const call of [...this.open.values()]) this.abandon(call, reason)
  }

  /** A call ends once; what comes later is dropped. @param {Call} call @param {End} end @returns {boolean} */
  end (call, end) {
    if (call.settled) return false
    call.settled = true
    if (this.worker.host.metrics !== null) this.worker.host.metrics.ended(call, end)
    if (call.questions !== null) call.questions.end()
    if (call.slot !== null) this.worker.attribution.giveBack(call)
    if (this.open.delete(call.id)) this.worker.done(call)
    return true
  }

  /** The caller has cancelled a call. @param {number} id */
  cancel (id) {
    const call = this.open.get(id)
    if (call !== undefined) this.abandon(call, new DOMException('The caller has cancelled the call.', 'AbortError'))
  }

  /** @param {number} id @param {unknown} value */
  answer (id, value) {
    let frame
    try {
      frame = this.encode(id, RESULT, value)
    } catch (error) {
      return this.refuseWith(id, describeRefused(error))
    }
    this.connection.write(frame)
    if (Array.isArray(frame)) this.connection.flush() // before functions that run next change the memory
  }

  /**
   * The frame of a value. Throws what says why it can not cross.
   * @param {number} id @param {number} kind @param {unknown} value
   */
  encode (id, kind, value) {
    const frame = valueFrame(id, kind, value)
    const size = bodyLength(frame)
    if (size > this.worker.limit) throw new TooLarge(size, this.worker.limit)
    return frame
  }

  /** Part of a stream can not cross. @param {Call} call @param {unknown} error */
  refuseResult (call, error) {
    if (this.end(call, ERROR)) this.refuseWith(call.id, describeRefused(error))
  }
}

/** What a caller is told of a value that was not written. @param {unknown} error */
function describeRefused (error) {
  if (error instanceof ValueNotSupported) return badValue(error)
  return error instanceof TooLarge ? error.description : { ...describeError(error), maybeExecuted: true }
}
