// What this worker has loaded from files, and when: that is what is worth watching. To be there before the config is loaded.
//
// Node 22.15, 23.5, 24 and later tell of each file. On older ones it is what `require` knows, which leaves ES modules out:
// then all source files of the config's directory are taken as loaded.

import module from 'node:module'
import { fileURLToPath } from 'node:url'

const RUNTIME = new URL('.', import.meta.url).href
const registerHooks = /** @type {any} */ (module).registerHooks

export class Loads {
  constructor () {
    /** Whether Node tells of each file. */
    this.isWhole = registerHooks !== undefined
    /** @type {Map<string, number>} URLs with the moment before the file was read */
    this.moments = new Map()
    /** @type {(path: string) => void} a file was loaded later */
    this.onLoad = () => {}
    registerHooks?.({ load: (/** @type {string} */ url, /** @type {any} */ context, /** @type {Function} */ next) => this.load(url, context, next) })
  }

  /** @param {string} url @param {any} context @param {Function} next */
  load (url, context, next) {
    if (url.startsWith('file:') && !url.startsWith(RUNTIME) && !this.moments.has(url)) {
      this.moments.set(url, Date.now())
      this.onLoad(fileURLToPath(url))
    }
    return next(url, context)
  }

  /** @returns {Map<string, number>} the paths of all files, with the moment before each was read */
  files () {
    const files = new Map()
    for (const path of Object.keys(/** @type {any} */ (module)._cache)) files.set(path, performance.timeOrigin)
    for (const [url, moment] of this.moments) files.set(fileURLToPath(url), moment)
    return files
  }
}
