// A connection: one client's socket, the calls that run on it, and their answers.

import net from 'node:net'
import { describeError } from './errors.mjs'
import { BYE, CALL, CANCEL, FrameError, FrameReader, HEADER_SIZE, HELLO, READ_SIZE, RESULT, STATUS, readUint32 } from './frames.mjs'
import { Call } from './functions.mjs'
import { STOPPING, TOO_LATE, badValue, byeFrame, errorFrame, helloFrame, readHello, timedOut, tooLarge, unknownFunction, warningFrame } from './messages.mjs'
import { ValueNotSupported } from './rich.mjs'
import { decodeValue, valueFrame } from './values.mjs'
import { Worker } from './worker.mjs'

/** How long a client may take for its first frame, in ms. */
const HELLO_TIMEOUT = 5000

export class Connection {
  /**
   * @param {Worker} worker
   * @param {{fd?: number, handle?: any}} source an inherited descriptor, or the handle of a socket on which nothing was read yet
   * @param {Buffer} [head] bytes that were read already
   */
  constructor (worker, source, head) {
    this.worker = worker
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
    /** When the chunk being read came in: deadlines count from here. */
    this.arrival = 0
    this.fd = source.fd ?? source.handle.fd
    /** Where the watchdog knows this connection. */
    this.seat = -1
    this.takeSeat()
    this.flush = this.flush.bind(this)
    this.reader = new FrameReader(this.onFrame.bind(this), worker.limit)
    this.socket = new net.Socket({
      ...source,
      onread: { buffer: () => this.reader.getBuffer(), callback: (count) => this.onRead(count) }
    })
    this.socket.on('error', () => {})        // a reset is followed by 'close', which says all there is to say
    this.socket.on('end', () => this.socket.destroy())
    this.socket.on('close', () => this.closed())
    this.greeting = setTimeout(() => this.socket.destroy(), HELLO_TIMEOUT)
    worker.opened(this)
    if (head !== undefined) this.feed(head)
    this.socket.resume()
  }

  takeSeat () {
    if (this.worker.watchdog !== null) this.seat = this.worker.watchdog.opened(this.fd)
  }

  /** @param {Buffer} bytes */
  feed (bytes) {
    for (let at = 0; at < bytes.length;) {
      const count = bytes.copy(this.reader.getBuffer(), 0, at, at + READ_SIZE)
      this.onRead(count)
      at += count
    }
  }

  /**
   * `count` bytes have arrived: run what is complete, then write all answers at once.
   * @param {number} count
   */
  onRead (count) {
    if (this.broken) return true
    const { spinner } = this.worker
    this.arrival = performance.now()
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
    return true
  }

  /** @param {Buffer} bytes @param {number} at @param {number} length @param {boolean} owned */
  onFrame (bytes, at, length, owned) {
    const kind = bytes[at + 8]
    const id = readUint32(bytes, at + 4)
    const start = at + HEADER_SIZE
    if (kind === CALL && this.greeted) return this.onCall(id, bytes, at, start + length, owned)
    if (kind === HELLO && !this.greeted) return this.onHello(bytes, start, start + length)
    if (!this.greeted) throw new FrameError('The first frame is no hello.')
    if (kind === CANCEL) return this.onCancel(id)
    if (kind === STATUS) return this.answer(id, this.worker.status())
    if (kind !== BYE) throw new FrameError(`A frame of an unknown kind came in: ${kind}.`)
  }

  /** @param {Buffer} bytes @param {number} start @param {number} end */
  onHello (bytes, start, end) {
    readHello(bytes, start, end)
    clearTimeout(this.greeting)
    this.greeted = true
    this.write(helloFrame(this.worker.hello()))
    if (this.worker.warning !== '') this.write(warningFrame(this.worker.warning))
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
    if (worker.takesNoCalls) return this.write(errorFrame(id, STOPPING))
    const milliseconds = readUint32(bytes, at + 12)
    const call = new Call(id, name, milliseconds === 0 ? 0 : this.arrival + milliseconds)
    if (call.deadline !== 0 && performance.now() > call.deadline) return this.write(errorFrame(id, TOO_LATE))
    this.run(call, entry, bytes, start, end, bytes[at + 9], owned)
  }

  /**
   * @param {Call} call @param {import('./functions.mjs').FunctionEntry} entry
   * @param {Buffer} bytes @param {number} start @param {number} end @param {number} flags @param {boolean} owned
   */
  run (call, entry, bytes, start, end, flags, owned) {
    const { worker } = this
    let data, value, isLater
    try {
      data = decodeValue(bytes, start, end, flags, owned)
    } catch (error) {
      return this.refuse(call.id, error)
    }
    worker.begin(call)
    try {
      value = entry.run(worker.host, data, call)
      isLater = value !== null && typeof value === 'object' && typeof value.then === 'function'
    } catch (error) {
      worker.pause()
      return this.fail(call, error)
    }
    worker.pause()
    if (isLater) this.wait(call, value)
    else this.settle(call, value)
  }

  /** The data can not be read: the function does not run. @param {number} id @param {unknown} error */
  refuse (id, error) {
    if (error instanceof FrameError) throw error
    this.write(errorFrame(id, { ...badValue(/** @type {Error} */ (error)), maybeExecuted: false }))
  }

  /** The result comes later. @param {Call} call @param {PromiseLike<unknown>} promise */
  wait (call, promise) {
    this.calls.set(call.id, call)
    this.worker.wait(call, () => this.timeOut(call))
    Promise.resolve(promise).then((value) => this.settle(call, value), (error) => this.fail(call, error))
  }

  /** @param {Call} call @param {unknown} value */
  settle (call, value) {
    if (!this.end(call)) return
    if (call.deadline !== 0 && performance.now() > call.deadline) this.timedOut(call)
    else this.answer(call.id, value)
  }

  /** @param {Call} call @param {unknown} error */
  fail (call, error) {
    if (!this.end(call)) return
    this.write(errorFrame(call.id, { ...describeError(error), maybeExecuted: true }))
  }

  /** @param {Call} call */
  timeOut (call) {
    if (!this.end(call)) return
    this.timedOut(call)
    call.abort(new DOMException('The deadline of the call has passed.', 'TimeoutError'))
  }

  /** @param {Call} call */
  timedOut (call) {
    this.write(errorFrame(call.id, timedOut(this.worker.host.functions[call.name].callbackStyle)))
  }

  /** A call ends once; what comes later is dropped. @param {Call} call @returns {boolean} */
  end (call) {
    if (call.settled) return false
    call.settled = true
    if (this.calls.delete(call.id)) this.worker.done(call)
    return true
  }

  /** @param {number} id */
  onCancel (id) {
    const call = this.calls.get(id)
    if (call === undefined || !this.end(call)) return
    call.abort(new DOMException('The caller has cancelled the call.', 'AbortError'))
  }

  /** @param {number} id @param {unknown} value */
  answer (id, value) {
    let frame
    try {
      frame = valueFrame(id, RESULT, value)
    } catch (error) {
      const message = error instanceof ValueNotSupported ? badValue(error) : { ...describeError(error), maybeExecuted: true }
      return this.write(errorFrame(id, message))
    }
    const size = Array.isArray(frame) ? frame.reduce((sum, part) => sum + part.byteLength, 0) : frame.length
    if (size - HEADER_SIZE > this.worker.limit) this.write(errorFrame(id, tooLarge(size - HEADER_SIZE, this.worker.limit)))
    else if (Array.isArray(frame)) for (const part of frame) this.out.push(part)
    else this.out.push(frame)
    this.scheduleFlush()
  }

  /** @param {Uint8Array} frame */
  write (frame) {
    this.out.push(frame)
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
      if (this.worker.draining) this.worker.checkIdle()
    })
  }

  /** @param {unknown} error */
  protocolError (error) {
    this.broken = true
    const message = error instanceof Error ? error.message : String(error)
    if (!(error instanceof FrameError)) this.worker.host.logger.error(error)
    this.out.push(byeFrame({ reason: 'protocol', message }))
    this.flush()
    this.socket.destroySoon()
  }

  /** The client is gone: nobody waits for these calls any more. */
  closed () {
    clearTimeout(this.greeting)
    this.worker.closed(this)
    for (const call of [...this.calls.values()]) {
      if (this.end(call)) call.abort(new DOMException('The caller is gone.', 'AbortError'))
    }
  }
}

/**
 * Serve frames on a socket that asked for them with `Upgrade: js-host/1`.
 * @param {Worker} worker @param {import('node:http').IncomingMessage} request
 * @param {import('node:net').Socket} socket @param {Buffer} head
 */
export function serveUpgrade (worker, request, socket, head) {
  if (request.headers.upgrade !== 'js-host/1') {
    return socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  }
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: js-host/1\r\n\r\n', () => {
    if (!socket.destroyed) new Connection(worker, takeHandle(socket), head)
  })
}

/**
 * Take a socket's handle away from it. The sockets of a server can not read straight into our buffers
 * (`onread`); a new one around the same handle can.
 * @param {any} socket @returns {{handle: any}}
 */
export function takeHandle (socket) {
  const handle = socket._handle
  socket._handle = null
  socket.destroy()
  return { handle }
}

