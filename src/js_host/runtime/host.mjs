/**
 * The host: the table of functions that can be called, and what they see as `this.host`.
 */

import { readFileSync } from 'node:fs'
import { ConfigError } from './errors.mjs'
import { FunctionEntry } from './functions.mjs'
import { createLogger } from './logger.mjs'
import { performance } from './originals.mjs'
import { RUNTIME_URL } from './place.mjs'

export const VERSION = /** @type {string} */ (JSON.parse(readFileSync(new URL('package.json', RUNTIME_URL), 'utf8')).version)

/** Left out of the status, as the original does. */
const NOT_IN_STATUS = new Set(['logger', 'silent', 'outputOnListen', 'disconnectTimeout', 'stopManagerIfNoConnections'])

export class Host {
  /**
   * @param {import('./config.mjs').Config} config
   * @param {{logger?: import('./logger.mjs').Logger}} [options]
   */
  constructor (config, options = {}) {
    /** The checked values; `config` is what the user wrote, with the defaults. */
    this.settings = config
    this.config = config.raw
    this.version = VERSION
    this.logger = config.logger ?? options.logger ?? createLogger()
    /** How many calls there were, and what went wrong beside them: second answers, errors after the answer, functions that nobody waits for. */
    this.counters = { calls: 0, repeatedCallbacks: 0, lateErrors: 0, abandoned: 0, refusedRequests: 0, refusedConnections: 0, wrongTokens: 0 }
    /** @type {import('./metrics.mjs').Metrics | null} where somebody asked for them */
    this.metrics = null
    /** Where the supervisor answers for them. @type {string | undefined} */
    this.metricsAt = undefined
    /** @type {Record<string, FunctionEntry>} */
    this.functions = Object.create(null)
    for (const name of Object.keys(config.functions)) this.addFunction(name, config.functions[name])
  }

  /**
   * A host that is ready to be called: the config's `extendHost` has run.
   * @param {import('./config.mjs').Config} config
   * @param {{logger?: import('./logger.mjs').Logger}} [options] the logger where the config has none
   * @returns {Promise<Host>}
   */
  static async create (config, options = {}) {
    const host = new Host(config, options)
    await config.extendHost?.(host)
    return host
  }

  /** Keep metrics from now on. @param {string} place where the supervisor answers for them */
  async keepMetrics (place) {
    const { Metrics } = await import('./metrics.mjs')
    this.metrics = new Metrics()
    this.metricsAt = place
  }

  /**
   * Run a call that came alone, over HTTP.
   * @param {FunctionEntry} entry @param {unknown} data @param {import('./functions.mjs').Call} call
   */
  async runAlone (entry, data, call) {
    this.metrics?.began(call, performance.now())
    try {
      const value = await entry.run(this, data, call)
      this.metrics?.ended(call, 'ok')
      return value
    } catch (error) {
      this.metrics?.ended(call, 'error')
      throw error
    }
  }

  /** Do what the config wants to have been done before the first call. What it throws is the error of the start. */
  async warmUp () {
    await this.settings.warmup?.(this)
  }

  /**
   * @param {string} name
   * @param {Function} fn
   * @returns {FunctionEntry}
   */
  addFunction (name, fn) {
    if (this.find(name) !== undefined) {
      throw new ConfigError('JS_HOST_FUNCTION_DUPLICATE', `A function has already been defined with the name "${name}"`,
        'Give one of the two another name.')
    }
    const entry = new FunctionEntry(name, fn)
    this.functions[name] = entry
    return entry
  }

  /**
   * The table has no prototype, so whatever it answers is its own.
   * @param {string} name
   * @returns {FunctionEntry | undefined}
   */
  find (name) {
    return this.functions[name]
  }

  /** What GET /status answers. */
  status () {
    return { type: 'Host', version: this.version, config: this.serializableConfig(), counters: this.counters, metrics: this.metricsAt }
  }

  /** The config without what JSON can not say, with the names of the functions. */
  serializableConfig () {
    /** @type {Record<string, unknown>} */
    const config = {}
    for (const [name, value] of Object.entries(this.config)) {
      if (!NOT_IN_STATUS.has(name) && isSerializable(value)) config[name] = value
    }
    config.functions = Object.keys(this.functions)
    return config
  }
}

/** @param {unknown} value */
function isSerializable (value) {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false
  }
}
