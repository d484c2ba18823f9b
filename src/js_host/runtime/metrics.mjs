// Metrics: how often each function was called, how the calls ended, and how long they took. Kept where somebody asked for them.
//
// A call costs two looks at the clock and a few additions to numbers in arrays; all else is done when the supervisor asks.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { CANCELLED, ERROR, OK, TIMEOUT } from './ends.mjs'

/** The upper bounds of the histograms' buckets, in ms; a last bucket has what is above. */
export const BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000]

/** How finely the event loop is looked at, in ms. */
const RESOLUTION = 20

/** How many calls took so long. */
class Histogram {
  constructor () {
    this.counts = new Array(BOUNDS.length + 1).fill(0)
    this.sum = 0
  }

  /** @param {number} time in ms */
  observe (time) {
    let bucket = 0
    while (time > BOUNDS[bucket]) bucket++
    this.counts[bucket]++
    this.sum += time
  }
}

/** The calls of one function. */
class Numbers {
  constructor () {
    this.ends = { [OK]: 0, [ERROR]: 0, [TIMEOUT]: 0, [CANCELLED]: 0 }
    /** From the arrival of a call to its end. */
    this.duration = new Histogram()
    /** From its arrival to the start of its function. */
    this.queue = new Histogram()
  }
}

export class Metrics {
  constructor () {
    /** @type {Record<string, Numbers>} */
    this.functions = Object.create(null)
    /** @type {Record<string, number>} calls that never ran, and results that could not cross, by the type of their error */
    this.refused = Object.create(null)
    this.lag = monitorEventLoopDelay({ resolution: RESOLUTION })
    this.lag.enable()
  }

  /** A call's function is about to run. @param {import('./functions.mjs').Call} call @param {number} arrival */
  began (call, arrival) {
    call.arrival = arrival
    const numbers = this.functions[call.name] ??= new Numbers()
    numbers.queue.observe(performance.now() - arrival)
  }

  /** @param {import('./functions.mjs').Call} call @param {import('./ends.mjs').End} end */
  ended (call, end) {
    const numbers = this.functions[call.name]
    if (numbers === undefined) return
    numbers.ends[end]++
    numbers.duration.observe(performance.now() - call.arrival)
  }

  /** @param {string} type of the error that was answered */
  refuse (type) {
    this.refused[type] = (this.refused[type] ?? 0) + 1
  }

  /** What only grows. */
  counters () {
    return { functions: this.functions, refused: this.refused }
  }

  /** What goes up and down; the lag is that since the last time, in ms, beyond what the looks themselves take. */
  gauges () {
    const { lag } = this
    const beyond = (/** @type {number} */ nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION) || 0
    const gauges = { bounds: BOUNDS, lag: { mean: beyond(lag.mean), p99: beyond(lag.percentile(99)), max: beyond(lag.max) } }
    lag.reset()
    return gauges
  }
}
