// Attribution: which call is behind what happens now, for the lines of its console.
//
// While a function is on the stack that is plain. After an `await` Node knows it, by AsyncLocalStorage; but that costs every
// promise of the program before Node 24, and a third of a microsecond for each call since. So it is used from Node 24 on, for
// the functions that go on after they have returned; elsewhere a line belongs to the only call in flight, if there is just one.

/** @typedef {import('./functions.mjs').Call} Call @typedef {import('./functions.mjs').FunctionEntry} FunctionEntry */

const FIRST_CHEAP_NODE = 24

export class Attribution {
  /** @param {import('./worker.mjs').Worker} worker @param {string} [version] of Node */
  constructor (worker, version = process.versions.node) {
    this.worker = worker
    /** @type {import('node:async_hooks').AsyncLocalStorage<Call> | null} */
    this.storage = null
    if (parseInt(version) >= FIRST_CHEAP_NODE) {
      const { AsyncLocalStorage } = process.getBuiltinModule('node:async_hooks')
      this.storage = new AsyncLocalStorage()
    }
  }

  /**
   * Do work that is the call's, and so is what follows from it.
   * @template T @param {Call} call @param {() => T} work @returns {T}
   */
  within (call, work) {
    return this.storage === null ? work() : this.storage.run(call, work)
  }

  /** @returns {Call | null} */
  current () {
    const { running, waiting } = this.worker
    return running ?? this.storage?.getStore() ?? (waiting.size === 1 ? waiting.keys().next().value ?? null : null)
  }
}
