// Directories under watch, each by itself. Where the system has no more watches to give, the files are looked at now and then.

import fs from 'node:fs'
import path from 'node:path'
import { clearInterval, setInterval } from './originals.mjs'

/** How often files are looked at where directories can not be watched, and directories that are gone are looked for, in ms. */
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
    /** @type {Map<string, string>} which directory is watched under each path */
    this.identities = new Map()
    /** @type {Set<string>} those that went, or were replaced */
    this.gone = new Set()
    /** @type {NodeJS.Timeout | undefined} */
    this.search = undefined
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
    this.identities.set(directory, identityOf(directory))
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

  /**
   * Something happened in a directory: is it still the one that is watched? It may not say itself when it goes, and of some
   * nobody else tells when they are back.
   * @param {string} directory
   */
  check (directory) {
    if (identityOf(directory) === this.identities.get(directory)) return
    this.gone.add(directory)
    this.search ??= setInterval(() => this.lookForGone(), LOOK).unref()
  }

  lookForGone () {
    for (const directory of [...this.gone].filter((one) => fs.existsSync(one))) {
      this.gone.delete(directory)
      this.renew(directory)
      this.onEvent(directory, null)
    }
    if (this.gone.size > 0) return
    clearInterval(this.search)
    this.search = undefined
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
    clearInterval(this.search)
    this.closeAll()
    this.watchers.clear()
  }
}

/** One that is made anew may get the number of the one before. @param {string} directory */
function identityOf (directory) {
  const stats = fs.statSync(directory, { throwIfNoEntry: false })
  return stats === undefined ? '' : `${stats.ino} ${stats.birthtimeMs}`
}

/** @param {string} file */
function glimpse (file) {
  const stats = fs.statSync(file, { throwIfNoEntry: false })
  return stats === undefined ? '' : `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`
}
