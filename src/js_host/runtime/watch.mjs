// Notices when a file that this worker has loaded changes, and says so once for all that change together.
//
// What counts is the content, so a touch is nothing, and neither is the same content saved again. Directories are watched,
// not files: many editors save by renaming another file into the place.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { Directories } from './directories.mjs'
import { Packages, packagesOf } from './installed.mjs'
import { isSource, sourcesBelow } from './sources.mjs'

/** How long it must be quiet after a change of one file, and of several, until they count, in ms. */
const QUIET = 50
const QUIET_OF_MANY = 100
/** A burst that does not end counts after this, in ms; and so does a file that is empty or gone, which may be half saved. */
const LONGEST = 500
/** How far the clock of the file system may be behind, in ms. */
const COARSE = 10
/** After how many files other work gets its turn. */
const AT_ONCE = 50

export class Watch {
  /**
   * @param {string} file the config
   * @param {import('./loads.mjs').Loads} loads
   * @param {(message: {type: string, [field: string]: unknown}) => void} tell
   */
  constructor (file, loads, tell) {
    this.root = path.dirname(path.resolve(file))
    this.loads = loads
    this.tell = tell
    /** @type {Map<string, string | null | undefined>} files with the code of their content; null: not there; undefined: not read yet */
    this.known = new Map()
    /** @type {Set<string>} files of which something was heard */
    this.dirty = new Set()
    this.directories = new Directories(this.root, (directory, name) => this.heard(directory, name), () => this.known.keys())
    this.packages = new Packages((directory) => this.tell({ type: 'changed', files: [directory] }))
    /** @type {Promise<void> | null} files are being read */
    this.reading = null
    this.began = Date.now()
    this.isComplete = false
    this.looksFurther = false
    this.burstEnd = 0
    /** @type {NodeJS.Timeout | undefined} */
    this.timer = undefined
  }

  /**
   * Begin, and tell which files have changed since they were loaded.
   * @param {number} since the moment until which another worker watched, in ms since 1970
   */
  async start (since) {
    const loaded = this.loads.files()
    for (const file of loaded.keys()) this.add(file)
    if (!this.loads.isWhole) for (const file of sourcesBelow(this.root)) this.add(file)
    this.addPackages(path.join(this.root, 'node_modules'))
    this.loads.onLoad = (file) => this.add(file)
    await this.readAll()
    const late = [...this.known.keys()].filter((file) => changedAt(file) >= Math.max((loaded.get(file) ?? performance.timeOrigin) - COARSE, since))
    this.isComplete = true
    this.tell({ type: 'watching', late, code: this.code() })
  }

  /** @param {string} file */
  add (file) {
    const packages = packagesOf(file)
    if (packages !== null) return this.addPackages(packages)
    if (this.known.has(file)) return
    this.known.set(file, undefined)
    this.directories.watch(path.dirname(file))
    this.readAll()
  }

  /** @param {string} directory a node_modules */
  addPackages (directory) {
    if (!this.packages.add(directory)) return
    this.directories.watch(path.dirname(directory))
    this.directories.watch(directory)
  }

  /** Read the files that were not read yet. */
  readAll () {
    this.reading ??= this.readSome().finally(() => { this.reading = null })
    return this.reading
  }

  /** A few at a time. */
  async readSome () {
    await null
    let count = 0
    for (const [file, code] of this.known) {
      if (code !== undefined) continue
      this.known.set(file, codeOf(file))
      if (++count % AT_ONCE === 0) await new Promise(setImmediate)
    }
  }

  /** The code of all contents together. */
  code () {
    const hash = createHash('sha1')
    for (const file of [...this.known.keys()].sort()) hash.update(`${file}\0${this.known.get(file)}\0`)
    return hash.digest('base64')
  }

  /**
   * Something happened in a directory.
   * @param {string} directory @param {string | null} name null where the system does not tell
   */
  heard (directory, name) {
    if (name === null) return this.heardBelow(directory)
    const file = path.join(directory, name)
    if (this.packages.heard(directory) || this.packages.heard(file)) this.directories.renew(file)
    else if (this.known.has(file)) this.burst([file])
    else if (this.directories.renew(file)) this.heardBelow(file)
    else if (this.looksFurther && isSource(file)) this.burst([file])
  }

  /** @param {string} directory which came or went whole */
  heardBelow (directory) {
    this.burst([...this.known.keys()].filter((file) => file.startsWith(directory + path.sep)))
  }

  /** @param {string[]} files */
  burst (files) {
    if (files.length === 0) return
    if (this.dirty.size === 0) this.burstEnd = performance.now() + LONGEST
    for (const file of files) this.dirty.add(file)
    this.wait()
  }

  wait () {
    clearTimeout(this.timer)
    const quiet = this.dirty.size > 1 ? QUIET_OF_MANY : QUIET
    this.timer = setTimeout(() => this.look(), Math.min(quiet, Math.max(this.burstEnd - performance.now(), 0))).unref()
  }

  /** It is quiet: what has changed? */
  look () {
    const isOver = performance.now() >= this.burstEnd - 1
    if (!isOver && (this.reading !== null || [...this.dirty].some(isHalfSaved))) return this.wait()
    const changed = [...this.dirty].filter((file) => this.hasChanged(file))
    this.dirty.clear()
    if (changed.length > 0) this.tell({ type: 'changed', files: changed })
  }

  /** @param {string} file */
  hasChanged (file) {
    const before = this.known.get(file) ?? null
    const now = codeOf(file)
    if (now !== null || this.known.has(file)) this.known.set(file, now)
    return now !== before
  }

  /** The code of now does not start: what mends it may be a file that was never loaded. */
  lookFurther () {
    if (this.looksFurther) return
    this.looksFurther = true
    for (const file of sourcesBelow(this.root)) {
      if (!this.known.has(file)) this.add(file)
    }
  }

  /**
   * Tell all that has changed until now, also what the system has not told yet, and end.
   * @returns {number} the moment until which all was told, in ms since 1970; 0 if that was not begun
   */
  close () {
    clearTimeout(this.timer)
    this.burstEnd = 0
    const until = Date.now() - COARSE
    for (const file of this.known.keys()) if (changedAt(file) >= this.began - COARSE) this.dirty.add(file)
    this.look()
    this.loads.onLoad = () => {}
    this.packages.close()
    this.directories.close()
    return this.isComplete ? until : 0
  }
}

/** @param {string} file @returns {string | null} */
function codeOf (file) {
  try {
    return createHash('sha1').update(fs.readFileSync(file)).digest('base64')
  } catch {
    return null
  }
}

/** When a file last changed, or got this name; in ms since 1970. @param {string} file */
function changedAt (file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.ctimeMs ?? 0
}

/** @param {string} file */
function isHalfSaved (file) {
  return (fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0
}
