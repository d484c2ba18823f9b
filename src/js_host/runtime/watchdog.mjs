// The watchdog: a thread that outlives a stuck event loop. This is the main thread's side; watchdog_thread.mjs is the other.
//
// It ends the process when the supervisor is gone, when a function has blocked the event loop beyond its deadline, and when
// something else blocks it for long.

import { fstatSync } from 'node:fs'
import { Worker as Thread } from 'node:worker_threads'
import { performance } from './originals.mjs'
import { RUNTIME_URL } from './place.mjs'
import { CELLS, ENDLESS, LEAVING, NEAREST, RUNNING, TURNS } from './worker.mjs'

/** Node ends the process where it denies the inspector, so it must be asked before. */
const INSPECTS = process.permission === undefined || process.permission.has('inspector')

/** Whether somebody may stop the main thread to look at it. */
const DEBUGGED = process.execArgv.some((argument) => argument.startsWith('--inspect'))

/** How many connections the watchdog can say goodbye to; further ones just see theirs close. */
const SEATS = 4096
/** A seat that nobody has, or whose socket has part of a frame waiting to be sent. Otherwise it holds the descriptor. */
const SILENT = -1

export class Watchdog {
  /** @param {number} control the descriptor that is read until it ends: then the supervisor is gone */
  constructor (control) {
    this.cells = new Float64Array(new SharedArrayBuffer(8 * CELLS))
    /** The descriptor of each client's socket, where a goodbye may be written. */
    this.seats = new Int32Array(new SharedArrayBuffer(4 * SEATS)).fill(SILENT)
    /** The inode of each: a socket is closed a moment before its seat is free, and its descriptor may be a file of the program by then. */
    this.inodes = new Float64Array(new SharedArrayBuffer(8 * SEATS))
    /** @type {number[]} */
    this.descriptors = []
    const origin = Number(process.hrtime.bigint()) / 1e6 - performance.now()
    this.thread = new Thread(new URL('bundle/watchdog_thread.cjs', RUNTIME_URL), {
      workerData: { control, cells: this.cells, seats: this.seats, inodes: this.inodes, origin, RUNNING, NEAREST, LEAVING, ENDLESS, TURNS, SILENT, INSPECTS, DEBUGGED },
      stdin: false,
      stdout: true, // it prints nothing, and what it could print on takes 1 ms to make
      stderr: true,
      execArgv: [],
      env: process.env
    })
    this.thread.unref()
    /** @type {(message: any) => void} what the supervisor says */
    this.onControl = () => {}
    /** The watchdog found the nearest deadline in the past: is it still right? */
    this.onDoubt = () => {}
    this.thread.on('message', (message) => this.#hear(message))
  }

  /**
   * A client's socket has come, on which a goodbye can be written as it is.
   * @param {number} fd @returns {number} its seat
   */
  opened (fd) {
    let seat = this.descriptors.indexOf(SILENT)
    if (seat < 0) seat = this.descriptors.length
    this.inodes[seat] = fstatSync(fd).ino
    this.descriptors[seat] = this.seats[seat] = fd
    return seat
  }

  /** @param {number} seat */
  closed (seat) {
    if (seat < 0) return
    this.descriptors[seat] = this.seats[seat] = SILENT
  }

  /** @param {{doubt?: true, turn?: true, control?: unknown}} message of the thread */
  #hear (message) {
    if (message.doubt) this.onDoubt()
    else if (message.turn) this.cells[TURNS]++
    else this.onControl(message.control)
  }

  /** Whether part of a frame waits to be sent. @param {number} seat @param {boolean} unsent */
  setUnsent (seat, unsent) {
    if (seat < 0) return
    this.seats[seat] = unsent ? SILENT : this.descriptors[seat]
  }
}
