// Spinning: keep the event loop turning for a moment after an answer, while calls follow one another closely.
//
// An event loop that sleeps in the kernel costs a wake-up, several times the call itself. One that re-arms
// setImmediate polls its sockets without sleeping; timers, promises and other sockets go on as usual. In vain it costs
// processor time, and on busy processors keeps the client from running. So the loop turns only while that pays: for about
// twice as long as the last calls took to come, less often after each time in a row that was in vain, and not at all for a while
// after it was itself interrupted again and again. _client/spin.py does the same on the other side.

import { performance, setImmediate } from './originals.mjs'

/** How long the loop turns at least, in ms. */
const SHORTEST_SPAN = 0.03
/** After spans in which no call came, one after the other, at most this many answers do without. */
const MAX_SKIP = 64
/** A turn that took longer than this (in ms) was interrupted for another process. */
const INTERRUPTED = 2
/** Two of those within this time (in ms), or one so soon after a rest, are a busy processor. One alone is a thread of Node's own, which compiles or collects. */
const BUSY = 100
/** For how many times as long as the second took there is no spinning then, and at most for so long, in ms. */
const REST = 60
const LONGEST_REST = 250
/**
 * After so many quick answers in a row to one client its mailbox is looked into. One that is not quick halves their number, and below
 * half of it nobody looks any more.
 */
const ENOUGH = 16
/** What takes longer (in ms) is not: a client looks into its mailbox for a little longer only. */
export const QUICK = 0.02

/** @typedef {{mailbox: import('./mailbox.mjs').Mailbox | null, arrival: number, look: () => void}} Caller */

export class Spinner {
  /** @param {number} microseconds how long to keep turning after an answer at most; 0 is never */
  constructor (microseconds) {
    this.limit = microseconds / 1000
    this.span = this.limit
    this.until = 0
    this.lastAnswer = -Infinity
    this.lastTurn = 0
    this.interrupted = -Infinity
    this.restUntil = -Infinity
    this.skip = 0
    this.backOff = 0
    this.turning = false
    /** @type {Caller | null} who was answered last, and how many times quickly in a row */
    this.caller = null
    this.inARow = 0
    this.turn = () => {
      this.caller?.look()
      this.next(performance.now())
    }
  }

  /** Go on turning, or sleep. @param {number} now */
  next (now) {
    const spent = now - this.lastTurn
    this.lastTurn = now
    if (spent > INTERRUPTED) this.rest(now, spent)
    this.turning = now < this.until && now >= this.restUntil
    if (this.turning) setImmediate(this.turn)
    else this.inVain()
  }

  /** No call came. One such time says little: the next answer does without only if it was not the first. */
  inVain () {
    this.caller?.mailbox?.sleep()
    this.skip = this.backOff
    this.backOff = Math.min(this.backOff * 2 || 1, MAX_SKIP)
  }

  /** A turn was interrupted. @param {number} now @param {number} spent */
  rest (now, spent) {
    if (now - Math.max(this.interrupted, this.restUntil) < BUSY) this.restUntil = now + Math.min(spent * REST, LONGEST_REST)
    this.interrupted = now
  }

  /**
   * Whether a request that arrives now follows the last answer closely, so that the next one is likely to.
   * @param {number} now
   */
  isClose (now) {
    const gap = now - this.lastAnswer
    if (gap >= this.limit) return false
    this.span = Math.min(Math.max(gap * 2, SHORTEST_SPAN), this.limit)
    if (this.turning) this.backOff = 0
    return true
  }

  /**
   * An answer was written.
   * @param {boolean} close what `isClose()` said when its request arrived
   * @param {Caller} caller whose answer
   * @returns {number} when that was
   */
  answered (close, caller) {
    const now = performance.now()
    if (this.limit === 0) return now
    this.lastAnswer = this.lastTurn = now
    if (close && now >= this.restUntil) this.spin(now)
    this.attend(caller, now)
    return now
  }

  /**
   * The caller's mailbox is looked into if enough was quick, and nobody else's: only while the loop turns is one awake, and only this one.
   * @param {Caller} caller @param {number} now
   */
  attend (caller, now) {
    if (caller !== this.caller) {
      this.caller?.mailbox?.sleep()
      this.caller = caller
      this.inARow = 0
    }
    this.inARow = now - caller.arrival < QUICK ? Math.min(this.inARow + 1, ENOUGH) : this.inARow >> 1
    if (caller.mailbox === null) return
    if (this.inARow === ENOUGH && this.turning) caller.mailbox.wake()
    else if (this.inARow < ENOUGH / 2) caller.mailbox.sleep()
  }

  /** @param {Caller} caller who is gone */
  forget (caller) {
    if (this.caller === caller) this.caller = null
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
