// A worker: what all connections of this process share. Which calls run, by when they must be done, and draining.

import { Attribution } from './attribution.mjs'
import { noticeTime } from './functions.mjs'
import { byeFrame, warningFrame } from './messages.mjs'
import { clearTimeout, performance, setImmediate, setTimeout } from './originals.mjs'
import { Spinner } from './spin.mjs'

/** How long a draining worker goes on answering "I am stopping" to clients that have not noticed yet, in ms. */
const LINGER = 100

/** How long the cell of the nearest deadline may be out of date, in ms; less than the watchdog's grace. */
const REFRESH = 50

/** What setTimeout takes at most. */
const LONGEST_TIMER = 2 ** 31 - 1

/** The cells that the watchdog's thread sees: moments on this thread's performance.now(), in ms. */

/** Cell: by when the function on the stack must be done; 0 while there is none, Infinity if it has no deadline. */
export const RUNNING = 0
/** Cell: the nearest deadline of the calls that wait for a promise, or an earlier moment; 0 while there are none. */
export const NEAREST = 1
/** Cell: 1 as soon as the supervisor has said that this worker is to drain, also while the event loop is blocked. */
export const LEAVING = 2
/** Cell: how many calls without a deadline wait for a promise: they may block the event loop for as long as they like. */
export const ENDLESS = 3
/** Cell: counts how often the event loop came round to a question of the watchdog. */
export const TURNS = 4

/** How many cells there are. */
export const CELLS = 5

/** @typedef {import('./functions.mjs').Call} Call @typedef {(call: Call) => void} OnDeadline */

export class Worker {
  /**
   * @param {import('./host.mjs').Host} host
   * @param {{spin?: number, sockets?: string[]}} [options] `spin` in microseconds; the private `sockets` of its host's workers
   */
  constructor (host, { spin = 0, sockets = [] } = {}) {
    this.host = host
    this.limit = host.config.requestDataLimit
    this.spinner = new Spinner(spin)
    this.sockets = sockets
    this.attribution = new Attribution(this)
    /** How many calls it was asked for. */
    this.count = 0
    /** @type {import('./watchdog.mjs').Watchdog | null} */
    this.watchdog = null
    /** @type {Float64Array<ArrayBufferLike>} what the watchdog's thread sees of this one */
    this.cells = new Float64Array(CELLS)
    /** @type {Set<import('./connection.mjs').Connection>} */
    this.connections = new Set()
    /** @type {Map<Call, NodeJS.Timeout | null>} calls that wait for a promise, with their timers; null without a deadline */
    this.waiting = new Map()
    /** @type {Call | null} the call whose function is on the stack now */
    this.running = null
    this.refreshing = false
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

  /** What a client is told first. @param {boolean} isNear it is on this machine, where the sockets of all workers are */
  hello (isNear) {
    const { host, limit, sockets } = this
    const near = isNear && sockets.length > 0 ? { port: host.config.port, sockets } : {}
    return { version: host.version, node: process.version, pid: process.pid, limit, workers: sockets.length || 1, ...near, functions: Object.keys(host.functions) }
  }

  status () {
    return this.host.status()
  }

  /** What the supervisor is told when it asks: how many calls there were, which functions run, bytes of JavaScript's heap. */
  report () {
    const { counters, metrics } = this.host
    const report = { calls: counters.calls, running: this.inFlight(), heap: process.memoryUsage().heapUsed }
    if (metrics === null) return report
    const clients = [...this.connections].filter((connection) => connection.greeted)
    return { ...report, counters: metrics.counters(), gauges: { ...metrics.gauges(), connections: clients.length } }
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

  /**
   * Run a call that came alone, over HTTP. It has no deadline.
   * @param {import('./functions.mjs').FunctionEntry} entry @param {unknown} data @param {Call} call
   */
  async runAlone (entry, data, call) {
    call.number = ++this.count
    this.waitForEver(call)
    this.begin(call)
    const result = this.host.runAlone(entry, data, call)
    this.pause()
    try {
      return await result
    } finally {
      this.done(call)
    }
  }

  /** Nobody waits for such a call any more. @param {Call} call @param {Error} reason */
  abandon (call, reason) {
    this.done(call)
    call.abort(reason)
  }

  /** The call's function is about to be on the stack. @param {Call} call */
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
   * @param {Call} call @param {OnDeadline} onDeadline
   */
  wait (call, onDeadline) {
    if (call.deadline === 0) return this.waitForEver(call)
    const left = Math.min(Math.max(call.deadline - performance.now(), 1), LONGEST_TIMER)
    this.waiting.set(call, setTimeout(() => this.due(call, onDeadline), left))
    if (this.cells[NEAREST] === 0 || call.deadline < this.cells[NEAREST]) this.cells[NEAREST] = call.deadline
  }

  /** @param {Call} call */
  waitForEver (call) {
    this.waiting.set(call, null)
    this.cells[ENDLESS]++
  }

  /**
   * The next part of a stream is taken: its deadline counts from now. Its timer is not touched for that, but looks when it is due.
   * @param {Call} call @param {OnDeadline} onDeadline
   */
  renew (call, onDeadline) {
    if (call.time === 0) return
    if (call.deadline === this.cells[NEAREST]) this.outdated()
    call.renew()
    const timer = this.waiting.get(call)
    if (timer === null) this.cells[ENDLESS]--
    if (timer == null) this.wait(call, onDeadline)
  }

  /** @param {Call} call @param {OnDeadline} onDeadline */
  due (call, onDeadline) {
    if (call.deadline !== 0 && call.deadline <= performance.now()) onDeadline(call)
    else this.wait(call, onDeadline)
  }

  /** The call, which waited, has ended. @param {Call} call */
  done (call) {
    const timer = this.waiting.get(call)
    if (timer === null) this.cells[ENDLESS]--
    else clearTimeout(timer)
    this.waiting.delete(call)
    if (this.waiting.size === 0) this.cells[NEAREST] = 0
    else if (call.deadline === this.cells[NEAREST]) this.outdated()
    if (this.draining) this.checkIdle()
  }

  /** The nearest deadline is none any more. It is not looked for at each end of a call, but soon: the watchdog trusts it. */
  outdated () {
    if (this.refreshing) return
    this.refreshing = true
    setTimeout(() => this.refreshNearest(), REFRESH).unref()
  }

  /** Find the nearest deadline of the calls that wait. */
  refreshNearest () {
    this.refreshing = false
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
   * @param {() => void} onIdle @param {number} [time] how long that may take, in ms; 0 is as long as it likes
   */
  drain (onIdle, time = 0) {
    if (this.draining) return
    this.draining = true
    this.onIdle = onIdle
    if (time > 0) setTimeout(() => this.outOfTime(), Math.min(noticeTime(time), LONGEST_TIMER)).unref()
    for (const connection of this.connections) if (connection.greeted) connection.takeLeave(this.leaving()) // others: after the hello
    this.lingering = this.connections.size > 0
    if (this.lingering) setTimeout(() => { this.lingering = false; this.checkIdle() }, LINGER)
    this.checkIdle()
  }

  /** What clients are told where no further call will be taken. */
  leaving () {
    return byeFrame({ reason: 'draining', message: 'The worker is stopping.' })
  }

  /** The supervisor is about to end this process. */
  outOfTime () {
    for (const connection of this.connections) connection.calls.outOfTime()
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
      if (!connection.greeted) continue // its client would take it for no hello; the end of the connection tells it enough
      connection.takeLeave(frame)
      connection.flush()
    }
  }
}
