// Attribution: which call is behind what happens now, for the lines of its console. And which is not: each call has a scope of its
// own, so that what it enters by AsyncLocalStorage is seen by no other call of its connection.
//
// While a function is on the stack it is plain whose line it is. After an `await` Node knows it, by AsyncLocalStorage; but before
// Node 24 that slows every promise of the program down. There a line belongs to the only call in flight, if there is just one.
//
// Since Node 24 only `storage.run()` is slow, for it makes a new context each time. So contexts are made once, and lent to one
// call after the other: that costs a call that goes on after it has returned some 30 ns, and others 10. A context is lent again
// after SLOTS others; what a call says later than that bears the name of another one.

/** @typedef {import('./functions.mjs').Call} Call @typedef {import('./functions.mjs').FunctionEntry} FunctionEntry */
/** @typedef {{name: string, number: number}} Origin a call, or what is left of it */
/** @typedef {{origin: Origin, scope: import('node:async_hooks').AsyncResource}} Slot */

const FIRST_CHEAP_NODE = 24

/** How many contexts there are at most: calls in flight beyond that have none. */
export const SLOTS = 1024

export class Attribution {
  /** @param {import('./worker.mjs').Worker} worker @param {string} [version] of Node */
  constructor (worker, version = process.versions.node) {
    this.worker = worker
    const hooks = process.getBuiltinModule('node:async_hooks')
    this.Scope = hooks.AsyncResource
    /** Where nothing was entered yet. Before Node 24, whoever enters something in a scope leaves it there. */
    this.clean = new this.Scope('js-host')
    /** @type {import('node:async_hooks').AsyncLocalStorage<Slot> | null} */
    this.storage = parseInt(version) >= FIRST_CHEAP_NODE ? new hooks.AsyncLocalStorage() : null
    this.made = 0
    /** @type {Slot[]} a ring of those that are free; the one that was given back first is lent first */
    this.free = []
    this.first = 0
    this.count = 0
  }

  /**
   * Where the call's function is to run.
   * @param {Call} call @param {boolean} goesOn after it has returned, as far as is known
   * @returns {import('node:async_hooks').AsyncResource}
   */
  scope (call, goesOn) {
    if (this.storage === null) return new this.Scope('js-host call')
    if (goesOn && call.slot === null) call.slot = this.lend(call)
    return call.slot === null ? this.clean : call.slot.scope
  }

  /**
   * Do work that is the call's, and so is what follows from it, until the call has ended and long after.
   * @template T @param {Call} call @param {() => T} work @returns {T}
   */
  within (call, work) {
    return this.scope(call, true).runInAsyncScope(work)
  }

  /** @param {Call} call @returns {Slot | null} */
  lend (call) {
    if (this.made < SLOTS) return this.make(call)
    if (this.count === 0) return null
    const slot = this.free[this.first]
    this.first = (this.first + 1) % SLOTS
    this.count--
    slot.origin = call
    return slot
  }

  /** @param {Origin} origin @returns {Slot} */
  make (origin) {
    this.made++
    const slot = /** @type {Slot} */ ({ origin })
    this.clean.runInAsyncScope(() => this.storage?.run(slot, () => { slot.scope = new this.Scope('js-host call') }))
    return slot
  }

  /** The call has ended. What it says from now on is still its own. @param {Call} call */
  giveBack (call) {
    const slot = /** @type {Slot} */ (call.slot)
    slot.origin = { name: call.name, number: call.number }       // and nothing else of the call is kept
    this.free[(this.first + this.count++) % SLOTS] = slot
  }

  /** @returns {Origin | null} */
  current () {
    const { running, waiting } = this.worker
    return running ?? this.storage?.getStore()?.origin ?? (waiting.size === 1 ? waiting.keys().next().value ?? null : null)
  }
}
