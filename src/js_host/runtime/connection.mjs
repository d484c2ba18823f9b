// A connection: one client's socket, the calls that run on it, and their answers.

import net from 'node:net'
import { describeError } from './errors.mjs'
import {
  ANSWER, BYE, CALL, CANCEL, CREDIT, END, FAULT, FrameError, FrameReader, HEADER_SIZE, HELLO, PATIENT, READ_SIZE, RESULT, RICH, STATUS, STREAM,
  bodyLength, readUint32, textFrame
} from './frames.mjs'
import { Call, outOfTime } from './functions.mjs'
import {
  NO_TOKEN, STOPPING, TOO_LATE, TooLarge, badValue, byeFrame, errorFrame, helloFrame, readHello, timedOut, unknownFunction, unwantedStream, WRONG_TOKEN, warningFrame
} from './messages.mjs'
import { HELLO_TIMEOUT, Patience, later } from './patience.mjs'
import { Questions } from './questions.mjs'
import { ValueNotSupported } from './rich.mjs'
import { Pump, closeStream, isStream } from './streams.mjs'
import { decodeValue, valueFrame } from './values.mjs'
import { Worker } from './worker.mjs'

/** What a client's first frame may have at most, in bytes: it is read before anybody knows who speaks. */
const MAX_HELLO = 16 * 1024

/** A client that has so many bytes of answers to read is not listened to before it has read them. */
const MOST_UNSENT = 64 * 1024 * 1024

/**
 * @typedef {object} Source exactly one of them
 * @property {number} [fd] an inherited descriptor
 * @property {any} [handle] the handle of a socket on which nothing was read yet
 * @property {net.Socket} [stream] a socket that has to decrypt what it reads
 * @typedef {(said: unknown) => true | Promise<unknown>} Admits whether a token is the right one; or when to say that it is not
 */

export class Connection {
  /**
   * @param {Worker} worker
   * @param {Source} source
   * @param {Buffer} [head] bytes that were read already
   * @param {Admits | null} [admits] asked about the token of the hello
   */
  constructor (worker, source, head, admits = null) {
    this.worker = worker
    this.admits = admits
    /** @type {Map<number, Call>} calls that have begun and not been answered */
    this.calls = new Map()
    /** @type {Uint8Array[]} what the chunk being read has answered so far */
    this.out = []
    this.reading = false
    this.flushing = false
    this.greeted = false
    /** The client broke the rules: nothing more of what it says is read. */
    this.broken = false
    this.unsent = false
    this.listening = true
    /** When the chunk being read came in: deadlines count from here. */
    this.arrival = 0
    this.bytes = 0
    this.patience = new Patience(this)
    /** Where others may write in the clear; -1 if nowhere. @type {number} */
    this.fd = source.fd ?? source.handle?.fd ?? -1
    /** Where the watchdog knows this connection. */
    this.seat = -1
    this.takeSeat()
    this.flush = this.flush.bind(this)
    this.timeOut = this.timeOut.bind(this)
    this.reader = new FrameReader(this.onFrame.bind(this), Math.min(worker.limit, MAX_HELLO))
    /** @type {net.Socket} */
    this.socket = source.stream ?? new net.Socket({
      ...source,
      onread: { buffer: () => this.reader.getBuffer(), callback: (count) => this.onRead(count) }
    })
    if (source.stream !== undefined) this.socket.on('data', (bytes) => this.feed(bytes))
    this.socket.on('error', () => {})        // a reset is followed by 'close', which says all there is to say
    this.socket.on('end', () => this.socket.destroy())
    this.socket.on('close', () => this.closed())
    this.greeting = later(HELLO_TIMEOUT, () => { if (!this.greeted) this.socket.destroy() })
    worker.opened(this)
    if (head !== undefined) this.feed(head)
    if (this.listening) this.socket.resume()
  }

  takeSeat () {
    if (this.worker.watchdog !== null && this.fd >= 0) this.seat = this.worker.watchdog.opened(this.fd)
  }

  /** @param {Buffer} bytes */
  feed (bytes) {
    for (let at = 0; at < bytes.length;) {
      const count = bytes.copy(this.reader.getBuffer(), 0, at, at + READ_SIZE)
      this.onRead(count)
      at += count
    }
    if (!this.listening) this.socket.pause()
  }

  /**
   * `count` bytes have arrived: run what is complete, then write all answers at once.
   * @param {number} count @returns {boolean} whether to read on
   */
  onRead (count) {
    if (this.broken) return true
    const { spinner } = this.worker
    this.arrival = performance.now()
    this.bytes += count
    const close = spinner.isClose(this.arrival)
    this.reading = true
    try {
      this.reader.received(count)
    } catch (error) {
      this.protocolError(error)
    }
    this.reading = false
    this.flush()
    spinner.answered(close)
    if (this.reader.isPartial !== (this.patience.timer !== null)) this.patience.look()
    this.listening = this.socket.writableLength < MOST_UNSENT
    return this.listening
  }

  /** @param {Buffer} bytes @param {number} at @param {number} length @param {boolean} owned */
  onFrame (bytes, at, length, owned) {
    const kind = bytes[at + 8]
    const id = readUint32(bytes, at + 4)
    const start = at + HEADER_SIZE
    if (kind === CALL && this.greeted) return this.onCall(id, bytes, at, start + length, owned)
    if (kind === HELLO && !this.greeted) return this.onHello(bytes, start, start + length)
    if (!this.greeted) throw new FrameError('The first frame is no hello.')
    const extra = readUint32(bytes, at + 12)
    switch (kind) {
      case CANCEL: return this.onCancel(id)
      case CREDIT: return this.calls.get(id)?.pump?.grant(extra)
      case ANSWER: case END: case FAULT:
        return this.calls.get(id)?.questions?.answered(kind, extra, bytes, start, start + length, bytes[at + 9], owned)
      case STATUS: return this.answer(id, this.worker.status())
      case BYE: return
      default: throw new FrameError(`A frame of an unknown kind came in: ${kind}.`)
    }
  }

  /** @param {Buffer} bytes @param {number} start @param {number} end */
  onHello (bytes, start, end) {
    const { token } = readHello(bytes, start, end)
    clearTimeout(this.greeting)
    const admitted = this.admits === null ? true : this.admits(token)
    if (admitted !== true) return this.turnAway(token === undefined, admitted)
    this.greeted = true
    this.reader.limit = this.worker.limit
    this.write(helloFrame(this.worker.hello()))
    if (this.worker.warning !== '') this.write(warningFrame(this.worker.warning))
  }

  /** The client did not give the token of this host. @param {boolean} silent it gave none @param {Promise<unknown>} time to say so */
  async turnAway (silent, time) {
    this.broken = true
    await time
    this.leave(byeFrame({ reason: 'refused', message: silent ? NO_TOKEN : WRONG_TOKEN }))
  }

  /** @param {number} id @param {Buffer} bytes @param {number} at @param {number} end @param {boolean} owned */
  onCall (id, bytes, at, end, owned) {
    const { worker } = this
    const start = at + HEADER_SIZE + (bytes[at + 10] | bytes[at + 11] << 8)
    if (start > end) throw new FrameError('The name of a function is longer than its frame.')
    if (id === 0 || this.calls.has(id)) throw new FrameError(`A call came in under the id ${id}, which ${id === 0 ? 'is none' : 'is in use'}.`)
    const name = bytes.utf8Slice(at + HEADER_SIZE, start)
    const entry = worker.host.functions[name]
    if (entry === undefined) return this.write(errorFrame(id, unknownFunction(name, Object.keys(worker.host.functions))))
    if (worker.draining) return this.write(errorFrame(id, STOPPING))
    const milliseconds = readUint32(bytes, at + 12)
    const flags = bytes[at + 9]
    const call = new Call(id, name, milliseconds === 0 ? 0 : this.arrival + milliseconds, milliseconds, (flags & STREAM) !== 0, ++worker.count)
    if (call.deadline !== 0 && (flags & PATIENT) === 0 && performance.now() > call.deadline) return this.write(errorFrame(id, TOO_LATE))
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
    if ((flags & RICH) !== 0) call.questions = new Questions(this, call)
    try {
      data = decodeValue(bytes, start, end, flags, owned, call.questions)
    } catch (error) {
      return this.refuse(call.id, error)
    }
    if ((flags & PATIENT) !== 0) call.renew()
    worker.begin(call)
    try {
      value = entry.goesOn ? worker.attribution.within(call, () => entry.run(worker.host, data, call)) : entry.run(worker.host, data, call)
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
    this.write(errorFrame(id, { ...badValue(/** @type {Error} */ (error)), maybeExecuted: false }))
  }

  /** The result comes later. @param {Call} call @param {PromiseLike<unknown>} promise */
  wait (call, promise) {
    this.keep(call)
    Promise.resolve(promise).then((value) => this.settle(call, value), (error) => this.fail(call, error))
  }

  /** The call goes on. @param {Call} call */
  keep (call) {
    if (this.calls.has(call.id)) return
    this.calls.set(call.id, call)
    this.worker.wait(call, this.timeOut)
  }

  /** @param {Call} call @param {unknown} value */
  settle (call, value) {
    const late = call.deadline !== 0 && performance.now() > call.deadline
    if (isStream(value)) return this.stream(call, value, late)
    if (!this.end(call)) return
    if (late) this.timedOut(call)
    else this.answer(call.id, value)
  }

  /** The result comes in parts. @param {Call} call @param {unknown} stream @param {boolean} late */
  stream (call, stream, late) {
    if (call.settled || late || !call.streams) {
      if (this.end(call)) late ? this.timedOut(call) : this.write(errorFrame(call.id, unwantedStream(call.name)))
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
    if (this.end(call)) this.write(textFrame(call.id, END, ''))
  }

  /** @param {Call} call @param {unknown} error */
  fail (call, error) {
    const fault = call.questions?.faultOf(error)
    if (this.end(call)) this.write(errorFrame(call.id, { ...describeError(error), fault, maybeExecuted: true }))
  }

  /** @param {Call} call */
  timeOut (call) {
    if (call.settled) return
    this.timedOut(call)
    this.abandon(call, new DOMException('The deadline of the call has passed.', 'TimeoutError'))
  }

  /** @param {Call} call */
  timedOut (call) {
    this.write(errorFrame(call.id, timedOut(this.worker.host.functions[call.name].callbackStyle, call.pump !== null)))
  }

  /** Nobody waits for the call any more: its function may notice, or go on in vain. @param {Call} call @param {DOMException} reason */
  abandon (call, reason) {
    if (!this.end(call)) return
    if (call.pump === null) this.worker.host.counters.abandoned++
    call.abort(reason)
  }

  /** The calls can not be waited for much longer: streams end here, the others may still answer. */
  outOfTime () {
    for (const call of [...this.calls.values()]) {
      const reason = outOfTime()
      if (call.pump !== null) this.fail(call, reason)
      call.abort(reason)
    }
  }

  /** A call ends once; what comes later is dropped. @param {Call} call @returns {boolean} */
  end (call) {
    if (call.settled) return false
    call.settled = true
    if (call.questions !== null) call.questions.end()
    if (this.calls.delete(call.id)) this.worker.done(call)
    return true
  }

  /** @param {number} id */
  onCancel (id) {
    const call = this.calls.get(id)
    if (call !== undefined) this.abandon(call, new DOMException('The caller has cancelled the call.', 'AbortError'))
  }

  /** @param {number} id @param {unknown} value */
  answer (id, value) {
    let frame
    try {
      frame = this.encode(id, RESULT, value)
    } catch (error) {
      frame = errorFrame(id, describeRefused(error))
    }
    this.write(frame)
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
    if (this.end(call)) this.write(errorFrame(call.id, describeRefused(error)))
  }

  /** @param {Uint8Array | Uint8Array[]} frame */
  write (frame) {
    if (Array.isArray(frame)) for (const part of frame) this.out.push(part)
    else this.out.push(frame)
    this.scheduleFlush()
  }

  scheduleFlush () {
    if (this.reading || this.flushing) return
    this.flushing = true
    process.nextTick(this.flush)
  }

  /** Write all answers that are ready in one go. */
  flush () {
    this.flushing = false
    const { out, socket } = this
    if (out.length === 0) return
    this.out = []
    if (out.length === 1) socket.write(out[0])
    else {
      socket.cork()
      for (const part of out) socket.write(part)
      socket.uncork()
    }
    if (socket.writableLength > 0 && !this.unsent) this.watchUnsent()
  }

  /** Part of a frame waits to be sent: until it is, the watchdog must not write on this socket. */
  watchUnsent () {
    this.unsent = true
    this.worker.watchdog?.setUnsent(this.seat, true)
    this.socket.write('', () => {
      this.unsent = false
      this.worker.watchdog?.setUnsent(this.seat, false)
      if (!this.listening) this.socket.resume()
      if (this.worker.draining) this.worker.checkIdle()
    })
  }

  /** @param {unknown} error */
  protocolError (error) {
    this.broken = true
    const message = error instanceof Error ? error.message : String(error)
    if (!(error instanceof FrameError)) this.worker.host.logger.error(error)
    this.leave(byeFrame({ reason: 'protocol', message }))
  }

  /** Say one thing more, and close. @param {Buffer} bye */
  leave (bye) {
    this.out.push(bye)
    this.flush()
    this.socket.destroySoon()
  }

  /** The client is gone: nobody waits for these calls any more. */
  closed () {
    clearTimeout(this.greeting)
    this.patience.end()
    this.worker.closed(this)
    for (const call of [...this.calls.values()]) this.abandon(call, new DOMException('The caller is gone.', 'AbortError'))
  }
}

/** What a caller is told of a value that was not written. @param {unknown} error */
function describeRefused (error) {
  if (error instanceof ValueNotSupported) return badValue(error)
  return error instanceof TooLarge ? error.description : { ...describeError(error), maybeExecuted: true }
}
