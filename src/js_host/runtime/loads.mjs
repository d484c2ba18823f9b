// What this worker has loaded from files, and when: that is what is worth watching. To be there before the config is loaded.
//
// Node 22.15, 23.5, 24 and later tell of each file. On older ones it is what `require` knows, which leaves ES modules out:
// then all source files of the config's directory are taken as loaded.

import module from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { packagesOf } from './installed.mjs'
import { performance } from './originals.mjs'
import { RUNTIME_PATH, RUNTIME_URL } from './place.mjs'
import { sourcesBelow } from './sources.mjs'

/** How many files elsewhere are worth telling of. */
const MOST = 100
const registerHooks = /** @type {any} */ (module).registerHooks

export class Loads {
  /** @param {string} file the config */
  constructor (file) {
    this.root = path.dirname(path.resolve(file))
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
    if (url.startsWith('file:') && !url.startsWith(RUNTIME_URL) && !this.moments.has(url)) {
      this.moments.set(url, Date.now())
      this.onLoad(fileURLToPath(url))
    }
    return next(url, context)
  }

  /** The paths of the files that are neither in the config's directory nor in packages. @returns {string[]} */
  elsewhere () {
    return [...this.files().keys()].filter((file) => !file.startsWith(this.root + path.sep) && packagesOf(file) === null).slice(0, MOST)
  }

  /** @returns {Map<string, number>} the paths of all files, with the moment before each was read */
  files () {
    const files = new Map()
    const unsure = this.isWhole ? [] : sourcesBelow(this.root)
    const required = Object.keys(/** @type {any} */ (module)._cache).filter((file) => !file.startsWith(RUNTIME_PATH))
    for (const file of [...unsure, ...required]) files.set(file, performance.timeOrigin)
    for (const [url, moment] of this.moments) files.set(fileURLToPath(url), moment)
    return files
  }
}
