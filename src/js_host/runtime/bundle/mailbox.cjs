// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const main = require('./main.cjs');
require('node:fs');
require('node:net');
require('node:path');
require('node:url');
require('node:util/types');
require('node:buffer');
require('node:worker_threads');

// The mailbox: memory that a client of this machine shares with its worker, for small calls that follow one another closely.
//
// Over a socket each side asks the system again and again whether something has come. While the event loop turns (spin.mjs) and calls
// come on one connection only, it looks into the mailbox instead: the client puts its call there, and finds the answer there, without
// asking the system. Nothing depends on it: a client that has looked in vain says so by a LOOK on the socket, and is answered there.
// docs/protocol.md is the law; _client/mailbox.py is the other side.


/** The longest frame that a mailbox takes, in bytes. */
const LARGEST = 3968;
/** Where the number of the newest call is, where the nonce, and where the worker says that it looks. */
const NUMBER = 0;
const NONCE = 16;
const AWAKE = 64;
/** Where the frame of a call begins, and where that of an answer ends: behind it are its length and the number of the call. */
const CALL_AT = 128;
const ANSWER_END = CALL_AT + 2 * LARGEST;
const SIZE = ANSWER_END + 8;

/** So many bytes of a call are read first: most have no more. */
const FIRST_READ = 256;
/** How often it is looked into in each turn of the event loop. */
const LOOKS = 4;
/** What the system calls the memory. */
const NAME = '/memfd:js-host (deleted)';

const NO = new Uint32Array([0]);
const YES = new Uint32Array([1]);
/** The place of an answer that goes over the socket. */
const NOTHING = new Uint8Array(0);

class Mailbox {
  /**
   * @param {number} fd @param {number} limit for the body of a call, in bytes
   * @param {(bytes: Buffer, at: number, length: number, owned: boolean) => unknown} onFrame given each call, as a FrameReader does
   */
  constructor (fd, limit, onFrame) {
    this.fd = fd;
    this.limit = Math.min(limit, LARGEST - main.HEADER_SIZE);
    this.onFrame = onFrame;
    /** Whether somebody looks. */
    this.isAwake = false;
    /** The id of the newest call, as it was read last, and the id of the call that was taken last. */
    this.number = new Uint32Array(1);
    this.takenId = 0;
    /** The call whose answer the client looks for here; 0 is none. */
    this.waitingId = 0;
    this.bytes = Buffer.allocUnsafeSlow(LARGEST);
    /** What was put in last: an answer, its length, and the id of its call. @type {Uint8Array} */
    this.answer = NOTHING;
    this.length = new Uint32Array(1);
    this.answeredId = new Uint32Array(1);
  }

  /** The client may put calls in. */
  wake () {
    if (this.isAwake || this.fd < 0) return
    this.isAwake = true;
    this.#write([YES], AWAKE);
  }

  /** Nobody looks any more. */
  sleep () {
    if (!this.isAwake) return
    this.isAwake = false;
    this.#write([NO], AWAKE);
  }

  /** Whether a call was put in since the last that was taken. It is looked for some times, which takes less than a turn of the event loop. */
  hasCall () {
    try {
      for (let i = 0; i < LOOKS; i++) {
        main.readSync(this.fd, this.number, 0, 4, NUMBER);
        if (this.number[0] !== this.takenId) return true
      }
    } catch {
      this.close();
    }
    return false
  }

  /** Take the call that was put in. */
  received () {
    const { bytes, fd } = this;
    main.readSync(fd, bytes, 0, FIRST_READ, CALL_AT);
    const length = main.readUint32(bytes, 0);
    const more = main.HEADER_SIZE + length - FIRST_READ;
    if (length > this.limit) throw new main.FrameError(`A call of ${length} bytes lies in the mailbox.`)
    if (more > 0) main.readSync(fd, bytes, FIRST_READ, more, CALL_AT + FIRST_READ);
    const id = main.readUint32(bytes, 4);
    if (id !== this.number[0]) this.hasCall(); // some processors show a number while part of it is written: it is whole by now
    if (bytes[8] !== main.CALL || bytes[9] !== 0 || id !== this.number[0]) throw new main.FrameError('What lies in the mailbox is no plain call.')
    this.takenId = this.waitingId = id;
    this.onFrame(bytes, 0, length, false);
  }

  /**
   * Put the answer in, if it is all there is to say, and quick; otherwise tell a client that looks for it to read the socket.
   * @param {Uint8Array[]} frames what the client is told @param {boolean} isQuick
   * @returns {boolean} whether it was put in: if not, the frames are to be sent
   */
  give (frames, isQuick) {
    if (!this.isAwake) return false
    const id = frames.length === 1 ? main.readUint32(frames[0], 4) : 0;
    const fits = isQuick && id !== 0 && id === this.waitingId && frames[0].length <= LARGEST;
    if (fits) this.#put(frames[0]);
    else if (this.waitingId !== 0) this.#put(NOTHING);
    if (id === 0) this.sleep(); // it may be no answer: the client is to read it before it puts a call in
    return fits && this.fd >= 0
  }

  /** @param {Uint8Array} frame */
  #put (frame) {
    this.answer = frame;
    this.length[0] = frame.length;
    this.answeredId[0] = this.waitingId;
    this.waitingId = 0;
    // Three parts, since a processor may write those of one in any order: the id of the call must be seen last.
    this.#write([frame, this.length, this.answeredId], ANSWER_END - frame.length);
  }

  /** @param {Uint8Array[] | Uint32Array[] | (Uint8Array | Uint32Array)[]} parts @param {number} at */
  #write (parts, at) {
    try {
      main.writevSync(this.fd, parts, at);
    } catch {
      this.close(); // the client has spoiled its own memory: its calls go over the socket
    }
  }

  /**
   * Take back an answer that may not have been seen. The client does not look for it here any more.
   * @param {number} [id] of its call; by default, the last one that was put in
   * @returns {Uint8Array | null} the answer, to be sent; null if none was put in
   */
  takeBack (id = this.answeredId[0]) {
    if (this.waitingId === id) this.waitingId = 0;
    if (id === 0 || this.answeredId[0] !== id) return null
    this.answeredId[0] = 0;
    return this.answer === NOTHING ? null : this.answer
  }

  /** Give the memory back, at the end of the connection, or when it can not be read or written any more. */
  close () {
    try {
      if (this.fd >= 0) main.closeSync(this.fd);
    } catch {} // somebody else has
    this.fd = -1;
    this.isAwake = false;
  }
}

/**
 * Open what a client offers; null if it is not to be had, or is not what it should be.
 * @param {Offer} offer @param {number} limit @param {ConstructorParameters<typeof Mailbox>[2]} onFrame
 */
function openMailbox (offer, limit, onFrame) {
  const fd = openMemory(offer);
  return fd === null ? null : new Mailbox(fd, limit, onFrame)
}

/**
 * @typedef {{pid?: unknown, descriptor?: unknown, nonce?: unknown}} Offer where memory is, and the bytes that it holds at NONCE, in hex
 * @param {Offer} offer
 */
function openMemory ({ pid, descriptor, nonce }) {
  if (!Number.isSafeInteger(pid) || !Number.isSafeInteger(descriptor)) return null
  const path = `/proc/${pid}/fd/${descriptor}`;
  let fd = -1;
  try {
    if (main.readlinkSync(path) !== NAME) return null // to open what it is may do something
    fd = main.openSync(path, 'r+');
    if (isMemory(fd) && nonceOf(fd) === nonce) return fd
  } catch {} // the client is in another container, or another user's
  if (fd >= 0) main.closeSync(fd);
  return null
}

/** Whether it is memory that only a program could have given that name: it may be another's file by now. @param {number} fd */
function isMemory (fd) {
  return main.readlinkSync(`/proc/self/fd/${fd}`) === NAME && main.fstatSync(fd).nlink === 0
}

/** @param {number} fd */
function nonceOf (fd) {
  const bytes = Buffer.alloc(16);
  main.readSync(fd, bytes, 0, 16, NONCE);
  return bytes.toString('hex')
}

exports.LARGEST = LARGEST;
exports.Mailbox = Mailbox;
exports.SIZE = SIZE;
exports.openMailbox = openMailbox;
exports.openMemory = openMemory;
