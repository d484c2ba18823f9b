// Spinning: keep the event loop turning for a moment after an answer, while calls follow one another closely.
//
// An event loop that sleeps in the kernel costs a wake-up, several times the call itself. One that re-arms
// setImmediate polls its sockets without sleeping; timers, promises and other sockets go on as usual. In vain it costs
// processor time, and on busy processors keeps the client from running. So the loop turns only while that pays: for about
// twice as long as the last calls took to come, less often after each time that was in vain, and not at all for a while
// after it was itself interrupted. _client/spin.py does the same on the other side.

import { performance, setImmediate } from './originals.mjs'

/** How long the loop turns at least, in ms. */
const SHORTEST_SPAN = 0.03
/** After a span in which no call came, at most this many answers do without. */
const MAX_SKIP = 256
/** A turn that took longer than this (in ms) was interrupted for another process. */
const INTERRUPTED = 2
/** For how many times that long there is no spinning then. */
const REST = 30

export class Spinner {
  /** @param {number} microseconds how long to keep turning after an answer at most; 0 is never */
  constructor (microseconds) {
    this.limit = microseconds / 1000
    this.span = this.limit
    this.until = 0
    this.lastAnswer = -Infinity
    this.lastTurn = 0
    this.restUntil = 0
    this.skip = 0
    this.backOff = 1
    this.turning = false
    this.turn = () => this.next(performance.now())
  }

  /** Go on turning, or sleep. @param {number} now */
  next (now) {
    const spent = now - this.lastTurn
    this.lastTurn = now
    if (spent > INTERRUPTED) this.restUntil = now + spent * REST
    this.turning = now < this.until && now >= this.restUntil
    if (this.turning) setImmediate(this.turn)
    else this.backOff = this.skip = Math.min(this.backOff * 2, MAX_SKIP)
  }

  /**
   * Whether a request that arrives now follows the last answer closely, so that the next one is likely to.
   * @param {number} now
   */
  isClose (now) {
    const gap = now - this.lastAnswer
    if (gap >= this.limit) return false
    this.span = Math.min(Math.max(gap * 2, SHORTEST_SPAN), this.limit)
    if (this.turning) this.backOff = this.backOff >> 1 || 1
    return true
  }

  /**
   * An answer was written.
   * @param {boolean} close what `isClose()` said when its request arrived
   * @returns {number} when that was
   */
  answered (close) {
    const now = performance.now()
    if (this.limit === 0) return now
    this.lastAnswer = this.lastTurn = now
    if (close && now >= this.restUntil) this.spin(now)
    return now
  }

  /** @param {number} now */
  spin (now) {
    if (this.skip > 0 && !this.turning) return void this.skip--
    this.until = now + this.span
    if (this.turning) return
    this.turning = true
    setImmediate(this.turn)
  }
}
