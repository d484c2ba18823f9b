// Spinning: keep the event loop turning for a moment after an answer, while calls follow one another closely.
//
// An event loop that sleeps in the kernel costs a wake-up, several times the call itself. One that re-arms
// setImmediate polls its sockets without sleeping; timers, promises and other sockets go on as usual.

export class Spinner {
  /** @param {number} microseconds how long to keep turning after an answer; 0 is never */
  constructor (microseconds) {
    this.span = microseconds / 1000
    this.until = 0
    this.lastAnswer = -Infinity
    this.turning = false
    this.turn = () => {
      if (performance.now() < this.until) setImmediate(this.turn)
      else this.turning = false
    }
  }

  /**
   * Whether a request that arrives now follows the last answer closely, so that the next one is likely to.
   * @param {number} now
   */
  isClose (now) {
    return now - this.lastAnswer < this.span
  }

  /**
   * An answer was written.
   * @param {boolean} close what `isClose()` said when its request arrived
   */
  answered (close) {
    if (this.span === 0) return
    this.lastAnswer = performance.now()
    if (!close) return
    this.until = this.lastAnswer + this.span
    if (!this.turning) {
      this.turning = true
      setImmediate(this.turn)
    }
  }
}
