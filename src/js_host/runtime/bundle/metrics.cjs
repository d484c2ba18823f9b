// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const node_perf_hooks = require('node:perf_hooks');
const main = require('./main.cjs');
require('node:fs');
require('node:net');
require('node:path');
require('node:url');
require('node:util/types');
require('node:buffer');
require('node:worker_threads');

// Metrics: how often each function was called, how the calls ended, and how long they took. Kept where somebody asked for them.
//
// A call costs two looks at the clock and a few additions to numbers in arrays; all else is done when the supervisor asks.


/** The upper bounds of the histograms' buckets, in ms; a last bucket has what is above. */
const BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000];

/** How finely the event loop is looked at, in ms. */
const RESOLUTION = 20;

/** In ms. */
const SPAN = 15_000;

/** How many calls took so long. */
class Histogram {
  constructor () {
    this.counts = new Array(BOUNDS.length + 1).fill(0);
    this.sum = 0;
  }

  /** @param {number} time in ms */
  observe (time) {
    let bucket = 0;
    while (time > BOUNDS[bucket]) bucket++;
    this.counts[bucket]++;
    this.sum += time;
  }
}

/** The calls of one function. */
class Numbers {
  constructor () {
    this.ends = { [main.OK]: 0, [main.ERROR]: 0, [main.TIMEOUT]: 0, [main.CANCELLED]: 0 };
    /** From the arrival of a call to its end. */
    this.duration = new Histogram();
    /** From its arrival to the start of its function. */
    this.queue = new Histogram();
  }
}

/** How late the event loop was of late, in ms: in the last SPAN at least, and in two of them at most. Any number may read it. */
class Lag {
  constructor () {
    this.delay = node_perf_hooks.monitorEventLoopDelay({ resolution: RESOLUTION });
    this.delay.enable();
    this.since = main.performance.now();
    this.before = { mean: 0, p99: 0, max: 0 };
  }

  read () {
    const now = this.now();
    const { before } = this;
    if (main.performance.now() - this.since >= SPAN) {
      this.before = now;
      this.since = main.performance.now();
      this.delay.reset();
    }
    return { mean: now.mean, p99: Math.max(now.p99, before.p99), max: Math.max(now.max, before.max) }
  }

  now () {
    const { delay } = this;
    if (delay.count === 0) return { mean: 0, p99: 0, max: 0 }
    return { mean: late(delay.mean), p99: late(delay.percentile(99)), max: late(delay.max) }
  }
}

/** A look every RESOLUTION is late by what is beyond that. @param {number} nanoseconds */
function late (nanoseconds) {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION)
}

class Metrics {
  constructor () {
    /** @type {Record<string, Numbers>} */
    this.functions = Object.create(null);
    /** @type {Record<string, number>} calls that never ran, and results that could not cross, by the type of their error */
    this.refused = Object.create(null);
    this.inFlight = 0;
    this.lag = new Lag();
  }

  /** A call's function is about to run. @param {import('./functions.mjs').Call} call @param {number} arrival */
  began (call, arrival) {
    call.arrival = arrival;
    this.inFlight++;
    const numbers = this.functions[call.name] ??= new Numbers();
    numbers.queue.observe(main.performance.now() - arrival);
  }

  /** @param {import('./functions.mjs').Call} call @param {import('./ends.mjs').End} end */
  ended (call, end) {
    const numbers = this.functions[call.name];
    if (numbers === undefined) return
    this.inFlight--;
    numbers.ends[end]++;
    numbers.duration.observe(main.performance.now() - call.arrival);
  }

  /** @param {string} type of the error that was answered */
  refuse (type) {
    this.refused[type] = (this.refused[type] ?? 0) + 1;
  }

  /** What only grows. */
  counters () {
    return { functions: this.functions, refused: this.refused }
  }

  /** What goes up and down. */
  gauges () {
    return { bounds: BOUNDS, inFlight: this.inFlight, lag: this.lag.read() }
  }
}

exports.BOUNDS = BOUNDS;
exports.Metrics = Metrics;
