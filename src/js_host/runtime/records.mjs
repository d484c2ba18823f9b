// Records: what `console` says, as lines for the supervisor, each with the call that said it.
//
// A flood of them must not harm anybody: a call says so much in a second, and what is beyond that is counted.

import { performance, setTimeout } from './originals.mjs'

/** @typedef {import('./attribution.mjs').Origin} Origin */

/** What is longer would reach the log in pieces, in characters. */
export const LONGEST_RECORD = 32 * 1024

/** What one call says within SPAN (in ms) at most. */
export const MOST_LINES = 1000
export const MOST_CHARACTERS = 1024 * 1024
export const SPAN = 1000

/** What a call has said in the present span. */
class Budget {
  /** @param {Origin | null} call */
  constructor (call) {
    this.call = call
    this.since = performance.now()
    this.lines = 0
    this.characters = 0
    this.dropped = 0
  }

  isSpent () {
    return this.lines >= MOST_LINES || this.characters >= MOST_CHARACTERS
  }
}

export class Records {
  /** @param {(line: string) => void} write */
  constructor (write) {
    this.write = write
    /** @type {() => Origin | null} whose line it would be now */
    this.attribute = () => null
    /** @type {WeakMap<object, Budget>} */
    this.budgets = new WeakMap()
    /** @type {Set<Budget>} those that were exceeded, until it is told */
    this.exceeded = new Set()
    this.free = new Budget(null)             // of all that no call says
  }

  /** Whether one more line may be said now. If not, it is counted. */
  admit () {
    const budget = this.budget()
    if (!budget.isSpent()) return true
    if (budget.dropped++ === 0) {
      this.exceeded.add(budget)
      setTimeout(() => this.tell(budget), SPAN).unref()
    }
    return false
  }

  /** @param {string} level @param {string} text */
  record (level, text) {
    if (!this.admit()) return
    const budget = this.budget()
    budget.lines++
    budget.characters += text.length
    this.put(level, bounded(text), budget.call)
  }

  /** What may be said now, of whoever speaks. */
  budget () {
    const call = this.attribute()
    let budget = call === null ? this.free : this.budgets.get(call)
    if (budget === undefined) this.budgets.set(/** @type {Origin} */ (call), budget = new Budget(call))
    if (performance.now() - budget.since >= SPAN) this.renew(budget)
    return budget
  }

  /** @param {Budget} budget */
  renew (budget) {
    this.tell(budget)
    budget.since = performance.now()
    budget.lines = budget.characters = 0
  }

  /** Say how much was not said. @param {Budget} budget */
  tell (budget) {
    if (budget.dropped === 0) return
    const dropped = budget.dropped
    budget.dropped = 0
    this.exceeded.delete(budget)
    this.put('warn', `${dropped} lines were dropped: in a second a call can say ${MOST_LINES} lines, or ${MOST_CHARACTERS} characters.`, budget.call)
  }

  /** The process is about to end. */
  tellAll () {
    for (const budget of this.exceeded) this.tell(budget)
  }

  /** @param {string} level @param {string} text @param {Origin | null} call */
  put (level, text, call) {
    this.write(`\x1e${JSON.stringify({ level, text, function: call?.name, call: call?.number })}\n`)
  }
}

/** @param {string} text */
function bounded (text) {
  return text.length <= LONGEST_RECORD ? text : `${text.slice(0, LONGEST_RECORD)}… (${text.length - LONGEST_RECORD} more characters)`
}
