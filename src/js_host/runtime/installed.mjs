// Packages: each node_modules is watched as a whole. An install is one change, when it is complete.

import fs from 'node:fs'
import path from 'node:path'
import { clearTimeout, setTimeout } from './originals.mjs'

/** How long it must be quiet after an install, in ms. */
const QUIET = 500

/** What npm, pnpm and Yarn write last, and what says all that they have installed. */
const RECORDS = ['.package-lock.json', '.modules.yaml', '.yarn-integrity', '.yarn-state.yml']

export class Packages {
  /** @param {(directory: string) => void} onChange */
  constructor (onChange) {
    this.onChange = onChange
    /** @type {Map<string, {packages: string, record: string} | null>} each node_modules with what is in it; null: it is not there */
    this.known = new Map()
    /** @type {Map<string, NodeJS.Timeout>} */
    this.timers = new Map()
  }

  /** @param {string} directory @returns {boolean} whether it is new here */
  add (directory) {
    if (this.known.has(directory)) return false
    this.known.set(directory, read(directory))
    return true
  }

  /** Something happened in a directory. @param {string} directory @returns {boolean} whether it is one of ours */
  heard (directory) {
    if (!this.known.has(directory)) return false
    clearTimeout(this.timers.get(directory))
    this.timers.set(directory, setTimeout(() => this.look(directory), QUIET).unref())
    return true
  }

  /** It is quiet there. @param {string} directory */
  look (directory) {
    const before = this.known.get(directory) ?? null
    const now = read(directory)
    // An install that is under way has taken all away, or not written its record yet: more will be heard.
    if (now === null || (now.record === '' && before !== null && before.record !== '')) return
    this.known.set(directory, now)
    if (before === null || now.record !== before.record || now.packages !== before.packages) this.onChange(directory)
  }

  /** The files that say what is installed. */
  records () {
    return [...this.known.keys()].flatMap((directory) => RECORDS.map((name) => path.join(directory, name)))
  }

  close () {
    for (const timer of this.timers.values()) clearTimeout(timer)
  }
}

/** The node_modules that a file is in, the outermost one. @param {string} file @returns {string | null} */
export function packagesOf (file) {
  const name = `${path.sep}node_modules`
  const at = file.indexOf(name + path.sep)
  return at < 0 ? null : file.slice(0, at + name.length)
}

/** @param {string} directory */
function read (directory) {
  try {
    const names = fs.readdirSync(directory).filter((name) => !name.startsWith('.')).sort()
    // The record may stay the same while packages are replaced: then they are not as old as they were.
    const packages = names.map((name) => `${name} ${bornAt(path.join(directory, name))}`).join('\0')
    return { packages, record: RECORDS.map((name) => readRecord(path.join(directory, name))).join('') }
  } catch {
    return null
  }
}

/** @param {string} directory */
function bornAt (directory) {
  return fs.statSync(directory, { throwIfNoEntry: false })?.birthtimeMs ?? 0
}

/** @param {string} file */
function readRecord (file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
