// A worker: what all connections of this process share. Which calls run, by when they must be done, and draining.

import { byeFrame, warningFrame } from './messages.mjs'
import { Spinner } from './spin.mjs'

/** How long a draining worker goes on answering "I am stopping" to clients that have not noticed yet, in ms. */
const LINGER = 100

/** What setTimeout takes at most. */
const LONGEST_TIMER = 2 ** 31 - 1

/** The cells that the watchdog's thread sees: moments on this thread's performance.now(), in ms. */

/** Cell: by when the function on the stack must be done; 0 while there is none, Infinity if it has no deadline. */
export const RUNNING = 0
/** Cell: the nearest deadline of the calls that wait for a promise, or an earlier moment; 0 while there are none. */
export const NEAREST = 1
/** Cell: 1 as soon as the supervisor has said that this worker is to drain, also while the event loop is blocked. */
export const LEAVING = 2

export class Worker {
  /**
   * @param {import('./host.mjs').Host} host
   * @param {{spin?: number}} [options] `spin` in microseconds
   */
  constructor (host, { spin = 0 } = {}) {
    this.host = host
    this.limit = host.config.requestDataLimit
    this.spinner = new Spinner(spin)
    /** @type {import('./watchdog.mjs').Watchdog | null} */
    this.watchdog = null
    /** What the watchdog's thread sees of this one. */
    this.cells = new Float64Array(3)
    /** @type {Set<import('./connection.mjs').Connection>} */
    this.connections = new Set()
    /** @type {Map<import('./functions.mjs').Call, NodeJS.Timeout | undefined>} calls that wait for a promise, with their timers */
    this.waiting = new Map()
    /** @type {import('./functions.mjs').Call | null} the call whose function is on the stack now */
    this.running = null
    this.draining = false
    this.onIdle = () => {}
    /** What every client is to be told: the code that this worker runs is not the newest. */
    this.warning = ''
  }

  /** Let a watchdog see what runs. @param {import('./watchdog.mjs').Watchdog} watchdog */
  watch (watchdog) {
    this.watchdog = watchdog
    this.cells = watchdog.cells
    watchdog.onDoubt = () => this.refreshNearest()
    this.refreshNearest()
    for (const connection of this.connections) connection.takeSeat()
  }

  hello () {
    const { host } = this
    return { version: host.version, node: process.version, pid: process.pid, limit: this.limit, functions: Object.keys(host.functions) }
  }

  status () {
    return this.host.status()
  }

  /** @param {import('./connection.mjs').Connection} connection */
  opened (connection) {
    this.connections.add(connection)
  }

  /** @param {import('./connection.mjs').Connection} connection */
  closed (connection) {
    this.connections.delete(connection)
    this.watchdog?.closed(connection.seat)
    if (this.draining) this.checkIdle()
  }

  /** The call's function is about to be on the stack. @param {import('./functions.mjs').Call} call */
  begin (call) {
    this.running = call
    this.cells[RUNNING] = call.deadline === 0 ? Infinity : call.deadline
  }

  /** No function is on the stack. */
  pause () {
    this.running = null
    this.cells[RUNNING] = 0
  }

  /**
   * The call waits for a promise.
   * @param {import('./functions.mjs').Call} call @param {() => void} onDeadline
   */
  wait (call, onDeadline) {
    if (call.deadline === 0) return void this.waiting.set(call, undefined)
    const left = Math.min(Math.max(call.deadline - performance.now(), 1), LONGEST_TIMER)
    this.waiting.set(call, setTimeout(onDeadline, left))
    if (this.cells[NEAREST] === 0 || call.deadline < this.cells[NEAREST]) this.cells[NEAREST] = call.deadline
  }

  /** The call, which waited, has ended. @param {import('./functions.mjs').Call} call */
  done (call) {
    clearTimeout(this.waiting.get(call))
    this.waiting.delete(call)
    if (this.waiting.size === 0) this.cells[NEAREST] = 0
    if (this.draining) this.checkIdle()
  }

  /** The nearest deadline of the calls that wait. It is not kept exact at each end of a call, only when the watchdog doubts it. */
  refreshNearest () {
    let nearest = Infinity
    for (const call of this.waiting.keys()) if (call.deadline !== 0 && call.deadline < nearest) nearest = call.deadline
    this.cells[NEAREST] = nearest === Infinity ? 0 : nearest
  }

  /** Whether other workers have its calls from now on. */
  get takesNoCalls () {
    return this.draining || this.cells[LEAVING] !== 0
  }

  /** Names of the functions that have not ended: one of them is behind what happens to the process now. */
  inFlight () {
    if (this.running !== null) return [this.running.name]
    return [...new Set([...this.waiting.keys()].map((call) => call.name))]
  }

  /**
   * Take no more calls, finish those that run, then call `onIdle`.
   * @param {() => void} onIdle
   */
  drain (onIdle) {
    if (this.draining) return
    this.draining = true
    this.onIdle = onIdle
    const bye = byeFrame({ reason: 'draining', message: 'The worker is stopping.' })
    for (const connection of this.connections) connection.write(bye)
    this.lingering = this.connections.size > 0
    if (this.lingering) setTimeout(() => { this.lingering = false; this.checkIdle() }, LINGER)
    this.checkIdle()
  }

  checkIdle () {
    if (this.isIdle()) setImmediate(() => { if (this.isIdle()) this.onIdle() })
  }

  /** Whether no call runs, and all answers have left. */
  isIdle () {
    if (this.waiting.size > 0 || (this.lingering && this.connections.size > 0)) return false
    for (const connection of this.connections) if (connection.unsent) return false
    return true
  }

  /** Tell every client, also those that come later. @param {string} text */
  warn (text) {
    this.warning = text
    for (const connection of this.connections) if (connection.greeted) connection.write(warningFrame(text)) // others: after the hello
  }

  /** Tell every client what becomes of its calls. @param {{reason: string, message: string, [field: string]: unknown}} bye */
  goodbye (bye) {
    const frame = byeFrame(bye)
    for (const connection of this.connections) {
      connection.write(frame)
      connection.flush()
    }
  }
}
