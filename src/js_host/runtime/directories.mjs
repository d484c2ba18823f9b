// Directories under watch, each by itself. Where the system has no more watches to give, the files are looked at now and then.

import fs from 'node:fs'
import path from 'node:path'
import { clearInterval, setInterval } from './originals.mjs'

/** How often files are looked at where directories can not be watched, in ms. */
const LOOK = 1000

export class Directories {
  /**
   * @param {string} root directories below it are also watched for their own coming and going
   * @param {(directory: string, name: string | null) => void} onEvent
   * @param {() => Iterable<string>} files what to look at where directories can not be watched
   */
  constructor (root, onEvent, files) {
    this.root = root
    this.onEvent = onEvent
    this.files = files
    /** @type {Map<string, fs.FSWatcher | null>} null: it is not there now */
    this.watchers = new Map()
    /** @type {Map<string, string>} what was seen of each file when it was looked at */
    this.seen = new Map()
    /** @type {NodeJS.Timeout | undefined} */
    this.ticker = undefined
  }

  /** @param {string} directory */
  watch (directory) {
    if (this.watchers.has(directory)) return
    this.watchers.set(directory, this.open(directory))
    if (directory.startsWith(this.root + path.sep)) this.watch(path.dirname(directory))
  }

  /**
   * A directory may have come or gone: watch the one that is there now, and those below.
   * @param {string} directory @returns {boolean} whether it is one of ours
   */
  renew (directory) {
    if (!this.watchers.has(directory)) return false
    for (const [inside, watcher] of this.watchers) {
      if (inside !== directory && !inside.startsWith(directory + path.sep)) continue
      watcher?.close()
      this.watchers.set(inside, this.open(inside))
    }
    return true
  }

  /** @param {string} directory @returns {fs.FSWatcher | null} */
  open (directory) {
    if (this.ticker !== undefined) return null
    try {
      const watcher = fs.watch(directory, { persistent: false }, (_, name) => this.onEvent(directory, name))
      watcher.on('error', () => watcher.close()) // its directory is gone: the one above tells
      return watcher
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error)
      if (code === 'ENOSPC' || code === 'EMFILE') this.lookInstead(code)
      return null
    }
  }

  /** @param {string} code */
  lookInstead (code) {
    if (this.ticker !== undefined) return
    console.warn(`The system has no more watches for files to give (${code}), so changes are looked for every ${LOOK / 1000} s. ` +
      'On Linux, raise fs.inotify.max_user_watches and fs.inotify.max_user_instances.')
    this.closeAll()
    this.ticker = setInterval(() => this.look(), LOOK).unref()
  }

  all () {
    return [...this.files(), ...[...this.watchers.keys()].filter((directory) => path.basename(directory) === 'node_modules')]
  }

  look () {
    for (const file of this.all()) {
      const before = this.seen.get(file)
      const now = glimpse(file)
      this.seen.set(file, now)
      if (now !== before) this.onEvent(path.dirname(file), path.basename(file))
    }
  }

  closeAll () {
    for (const watcher of this.watchers.values()) watcher?.close()
  }

  close () {
    clearInterval(this.ticker)
    this.closeAll()
    this.watchers.clear()
  }
}

/** @param {string} file */
function glimpse (file) {
  const stats = fs.statSync(file, { throwIfNoEntry: false })
  return stats === undefined ? '' : `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`
}
