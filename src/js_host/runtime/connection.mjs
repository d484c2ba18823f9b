// A connection: one client's socket, the frames that come in on it and those that go out. What the calls do is in calls.mjs.

import { Socket } from 'node:net'
import { Calls } from './calls.mjs'
import { ANSWER, BYE, CALL, CANCEL, CREDIT, END, FAULT, FrameError, FrameReader, HEADER_SIZE, HELD, HELLO, LOOK, MAILBOX, READ_SIZE, STATUS, readUint32 } from './frames.mjs'
import { NO_TOKEN, WRONG_TOKEN, byeFrame, helloFrame, mailboxFrame, readHello, readOffer, warningFrame } from './messages.mjs'
import { clearTimeout, nextTick, performance, setImmediate } from './originals.mjs'
import { HELLO_TIMEOUT, Patience, later } from './patience.mjs'
import { QUICK } from './spin.mjs'
import { Worker } from './worker.mjs'

/** What a client's first frame may have at most, in bytes: it is read before anybody knows who speaks. */
const MAX_HELLO = 16 * 1024
/** For how long the calls of one client run before its answers are sent, and timers and other clients have their turn, in ms. */
const LONGEST_TURN = 1

/** A client that has so many bytes of answers to read is not listened to before it has read them. */
const MOST_UNSENT = 64 * 1024 * 1024

/** Whether memory can be shared, and is seen in the order in which it was written: elsewhere there are no mailboxes. */
const CAN_SHARE = process.platform === 'linux' && process.arch === 'x64'

/**
 * @typedef {object} Source exactly one of them
 * @property {number} [fd] an inherited descriptor
 * @property {any} [handle] the handle of a socket on which nothing was read yet
 * @property {Socket} [stream] a socket that has to decrypt what it reads
 * @property {boolean} [isNear] besides: the client is on this machine, and came to a shared socket
 * @property {boolean} [isPrivate] besides: it came to a private socket, so that it may do all that this process may
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
    this.isNear = source.isNear === true
    this.canShare = source.isPrivate === true && worker.spinner.limit > 0 && CAN_SHARE
    this.calls = new Calls(this)
    /** @type {Uint8Array[]} what the chunk being read has answered so far */
    this.out = []
    this.reading = false
    this.feeding = false
    this.flushing = false
    this.greeted = false
    /** The client broke the rules: nothing more of what it says is read. */
    this.broken = false
    this.unsent = false
    this.listening = true
    /** When the chunk being read came in: deadlines count from here. */
    this.arrival = 0
    /** When the mailbox was found empty last: the call that lies in it was put there since. */
    this.emptyAt = 0
    /** When this turn began, and whether a call has run in it. */
    this.since = 0
    this.hasRun = false
    this.bytes = 0
    this.patience = new Patience(this)
    /** Where others may write in the clear; -1 if nowhere. @type {number} */
    this.fd = source.fd ?? source.handle?.fd ?? -1
    /** Where the watchdog knows this connection. */
    this.seat = -1
    /** @type {import('./mailbox.mjs').Mailbox | null} */
    this.mailbox = null
    this.flush = this.flush.bind(this)
    this.goOn = this.goOn.bind(this)
    this.reader = new FrameReader(this.onFrame.bind(this), Math.min(worker.limit, MAX_HELLO))
    const isOurs = source.stream === undefined
    if (head !== undefined && isOurs) this.reader.begin(head) // a new socket asks at once where to write what it reads
    /** @type {Socket} */
    this.socket = source.stream ?? new Socket({
      ...source,
      onread: { buffer: () => this.reader.getBuffer(), callback: (count) => this.onRead(count) }
    })
    this.takeSeat()
    if (!isOurs) this.socket.on('data', (bytes) => this.feed(bytes))
    this.socket.on('error', () => {})        // a reset is followed by 'close', which says all there is to say
    this.socket.on('end', () => this.socket.destroy())
    this.socket.on('close', () => this.closed())
    this.greeting = later(HELLO_TIMEOUT, () => { if (!this.greeted) this.socket.destroy() })
    worker.opened(this)
    if (head === undefined || this.takeHead(head, isOurs)) this.socket.resume()
  }

  /** @param {Buffer} head @param {boolean} isOurs it is in the reader already @returns {boolean} whether to read on */
  takeHead (head, isOurs) {
    if (isOurs) return this.onRead(0)
    this.feed(head)
    return this.listening
  }

  takeSeat () {
    if (this.socket.destroyed) return // its descriptor is closed, and may be another's, although 'close' is still to come
    if (this.worker.watchdog !== null && this.fd >= 0) this.seat = this.worker.watchdog.opened(this.fd)
  }

  /** @param {Buffer} bytes */
  feed (bytes) {
    this.feeding = true
    for (let at = 0; at < bytes.length;) {
      const count = bytes.copy(this.reader.getBuffer(), 0, at, at + READ_SIZE)
      this.onRead(count)
      at += count
    }
    this.feeding = false
    if (!this.listening) this.socket.pause()
  }

  /**
   * `count` bytes have arrived.
   * @param {number} count @returns {boolean} whether to read on
   */
  onRead (count) {
    if (this.broken) return true
    this.arrival = this.since = performance.now()
    this.bytes += count
    return this.take(this.reader, count, this.worker.spinner.isClose(this.arrival))
  }

  /** The event loop turns: a call may lie in the mailbox. */
  look () {
    const { mailbox, reader } = this
    if (mailbox === null || !mailbox.isAwake || !this.listening || reader.isHeld || reader.isPartial || this.broken || !mailbox.hasCall()) return
    this.emptyAt = this.worker.spinner.lastTurn
    this.arrival = this.since = performance.now()
    if (!this.take(mailbox, 0, this.worker.spinner.isClose(this.arrival))) this.socket.pause()
  }

  /**
   * Run what is complete, then write all answers at once.
   * @param {{received: (count: number) => void}} source where from @param {number} count how many bytes have arrived for a reader
   * @param {boolean} close they followed the last answer closely
   * @returns {boolean} whether to read on now
   */
  take (source, count, close) {
    this.reading = true
    this.hasRun = false
    try {
      source.received(count)
    } catch (error) {
      this.protocolError(error)
    }
    this.reading = false
    this.flush()
    const now = this.worker.spinner.answered(close, this)
    if (this.broken) return true // what nobody has read when a socket is closed keeps the client from reading why
    if (this.reader.isPartial !== (this.patience.timer !== null)) this.patience.look()
    const { writableLength } = this.socket
    this.listening = writableLength < MOST_UNSENT
    if (!this.listening) return false
    if (writableLength === 0 && !this.reader.isHeld && now - this.since < LONGEST_TURN) return true
    setImmediate(this.goOn) // libuv would read up to 32 times before anybody else had a turn, and what could not be sent, too
    return false
  }

  /** The event loop has turned, or the client has read what it had to read. */
  goOn () {
    if (this.socket.destroyed || !this.listening) return
    this.since = performance.now()
    if (!this.reader.isHeld || this.take(this.reader, 0, false)) this.socket.resume()
  }

  /** @param {Buffer} bytes @param {number} at @param {number} length @param {boolean} owned @returns {unknown} HELD if its turn is the next one */
  onFrame (bytes, at, length, owned) {
    const kind = bytes[at + 8]
    const id = readUint32(bytes, at + 4)
    const start = at + HEADER_SIZE
    if ((kind === CALL || kind === LOOK) && this.greeted) {
      if (this.hasRun && performance.now() - this.since > LONGEST_TURN) {
        if (!this.feeding) return HELD
        this.flush() // to feed has no turns
        this.since = performance.now()
      }
      this.hasRun = true
      return kind === CALL ? this.calls.begin(id, bytes, at, start + length, owned) : this.onLook(id)
    }
    if (kind === HELLO && !this.greeted) return this.onHello(bytes, start, start + length)
    if (!this.greeted) throw new FrameError('The first frame is no hello.')
    const extra = readUint32(bytes, at + 12)
    switch (kind) {
      case CANCEL: return this.calls.cancel(id)
      case CREDIT: return this.calls.open.get(id)?.pump?.grant(extra)
      case ANSWER: case END: case FAULT:
        return this.calls.open.get(id)?.questions?.answered(kind, extra, bytes, start, start + length, bytes[at + 9], owned)
      case STATUS: return this.calls.answer(id, this.worker.status())
      case MAILBOX: return this.onMailbox(bytes, start, start + length)
      case BYE: return
      default: throw new FrameError(`A frame of an unknown kind came in: ${kind}.`)
    }
  }

  /** The client offers memory, once. @param {Buffer} bytes @param {number} start @param {number} end */
  onMailbox (bytes, start, end) {
    const offer = readOffer(bytes, start, end)
    if (!this.canShare) return this.write(mailboxFrame(false))
    this.canShare = false
    // Late: many clients never call so often. Without descriptors it can not be loaded.
    import('./mailbox.mjs').then((module) => this.share(module, offer), () => this.write(mailboxFrame(false)))
  }

  /** @param {typeof import('./mailbox.mjs')} module @param {import('./mailbox.mjs').Offer} offer */
  share ({ openMailbox }, offer) {
    if (this.socket.destroyed) return
    this.mailbox = openMailbox(offer, this.worker.limit, this.onFrame.bind(this))
    this.write(mailboxFrame(this.mailbox !== null))
  }

  /** The client has put a call in, and does not look for its answer there any more. @param {number} id */
  onLook (id) {
    const { mailbox } = this
    if (mailbox === null) throw new FrameError('The client has no mailbox.')
    this.hasRun = false // this is the turn of the call that lies there: it can not be held
    if (mailbox.hasCall()) mailbox.received()
    if (mailbox.takenId !== id) throw new FrameError(`The call ${id} is not found in the mailbox.`)
    const answer = mailbox.takeBack(id)
    if (answer !== null) this.write(answer)
  }

  /** Say goodbye. Who has not seen the answer in its mailbox will find nobody to ask for it. @param {Buffer} bye */
  takeLeave (bye) {
    const answer = this.mailbox?.takeBack()
    if (answer != null) this.write(answer)
    this.write(bye)
  }

  /** @param {Buffer} bytes @param {number} start @param {number} end */
  onHello (bytes, start, end) {
    const { token } = readHello(bytes, start, end)
    clearTimeout(this.greeting)
    const admitted = this.admits === null ? true : this.admits(token)
    if (admitted !== true) return this.turnAway(token === undefined, admitted)
    this.greeted = true
    this.reader.limit = this.worker.limit
    this.write(helloFrame({ ...this.worker.hello(this.isNear), mailbox: this.canShare || undefined }))
    if (this.worker.warning !== '') this.write(warningFrame(this.worker.warning))
    if (this.worker.draining) this.write(this.worker.leaving())
  }

  /** The client did not give the token of this host. @param {boolean} silent it gave none @param {Promise<unknown>} time to say so */
  async turnAway (silent, time) {
    this.broken = true
    await time
    this.leave(byeFrame({ reason: 'refused', message: silent ? NO_TOKEN : WRONG_TOKEN }))
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
    nextTick(this.flush)
  }

  /** Write all answers that are ready in one go. */
  flush () {
    this.flushing = false
    const { out, socket } = this
    if (out.length === 0) return
    this.out = []
    if (this.mailbox !== null && this.mailbox.give(out, performance.now() - this.emptyAt < QUICK)) return
    if (out.length === 1) socket.write(out[0])
    else this.writeAll(out)
    if (socket.writableLength > 0 && !this.unsent) this.watchUnsent()
  }

  /** @param {Uint8Array[]} parts */
  writeAll (parts) {
    const { socket } = this
    socket.cork()
    try {
      for (const part of parts) socket.write(part)
    } catch (error) {
      this.worker.host.logger.error('A connection is closed: bytes that a function gave were gone before they were sent.', error)
      socket.destroy()
    }
    socket.uncork()
  }

  /** Part of a frame waits to be sent: until it is, the watchdog must not write on this socket. */
  watchUnsent () {
    this.unsent = true
    this.worker.watchdog?.setUnsent(this.seat, true)
    this.socket.write('', () => {
      if (this.socket.writableLength > 0) return this.watchUnsent()
      this.unsent = false
      this.worker.watchdog?.setUnsent(this.seat, false)
      if (!this.listening) this.listenAgain()
      if (this.worker.draining) this.worker.checkIdle()
    })
  }

  /** The client has read what it had to read. */
  listenAgain () {
    this.listening = true
    this.goOn()
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
    this.mailbox?.close()
    this.mailbox = null
    this.worker.spinner.forget(this)
    this.worker.closed(this)
    this.calls.abandonAll(new DOMException('The caller is gone.', 'AbortError'))
  }
}
