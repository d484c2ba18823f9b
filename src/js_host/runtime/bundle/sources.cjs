// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const main = require('./main.cjs');

// Packages: each node_modules is watched as a whole. An install is one change, when it is complete.


/** How long it must be quiet after an install, in ms. */
const QUIET = 500;

/** What npm, pnpm and Yarn write last, and what says all that they have installed. */
const RECORDS = ['.package-lock.json', '.modules.yaml', '.yarn-integrity', '.yarn-state.yml'];

class Packages {
  /** @param {(directory: string) => void} onChange */
  constructor (onChange) {
    this.onChange = onChange;
    /** @type {Map<string, {packages: string, record: string} | null>} each node_modules with what is in it; null: it is not there */
    this.known = new Map();
    /** @type {Map<string, NodeJS.Timeout>} */
    this.timers = new Map();
  }

  /** @param {string} directory @returns {boolean} whether it is new here */
  add (directory) {
    if (this.known.has(directory)) return false
    this.known.set(directory, read(directory));
    return true
  }

  /** Something happened in a directory. @param {string} directory @returns {boolean} whether it is one of ours */
  heard (directory) {
    if (!this.known.has(directory)) return false
    main.clearTimeout(this.timers.get(directory));
    this.timers.set(directory, main.setTimeout(() => this.look(directory), QUIET).unref());
    return true
  }

  /** It is quiet there. @param {string} directory */
  look (directory) {
    const before = this.known.get(directory) ?? null;
    const now = read(directory);
    // An install that is under way has taken all away, or not written its record yet: more will be heard.
    if (now === null || (now.record === '' && before !== null && before.record !== '')) return
    this.known.set(directory, now);
    if (before === null || now.record !== before.record || now.packages !== before.packages) this.onChange(directory);
  }

  /** The files that say what is installed. */
  records () {
    return [...this.known.keys()].flatMap((directory) => RECORDS.map((name) => path.join(directory, name)))
  }

  close () {
    for (const timer of this.timers.values()) main.clearTimeout(timer);
  }
}

/** The node_modules that a file is in, the outermost one. @param {string} file @returns {string | null} */
function packagesOf (file) {
  const name = `${path.sep}node_modules`;
  const at = file.indexOf(name + path.sep);
  return at < 0 ? null : file.slice(0, at + name.length)
}

/** @param {string} directory */
function read (directory) {
  try {
    const names = fs.readdirSync(directory).filter((name) => !name.startsWith('.')).sort();
    // The record may stay the same while packages are replaced: then they are not as old as they were.
    const packages = names.map((name) => `${name} ${bornAt(path.join(directory, name))}`).join('\0');
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

// The source files below a directory, for where Node does not tell what it loaded, or what it would load.


const SOURCE = /\.(?:[cm]?[jt]s|[jt]sx|json|node|wasm)$/;
/** A directory with more than this is no project. */
const MOST = 5000;

/** @param {string} file */
function isSource (file) {
  return SOURCE.test(file)
}

/**
 * Without packages, and without hidden directories.
 * @param {string} root
 * @param {(directory: string) => void} [enter] called with each directory before it is read
 * @returns {string[]}
 */
function sourcesBelow (root, enter = () => {}) {
  /** @type {string[]} */
  const found = [];
  const directories = [root];
  for (let seen = 0; directories.length > 0 && seen < MOST;) {
    const directory = /** @type {string} */ (directories.shift());
    enter(directory);
    for (const entry of entriesOf(directory)) {
      seen++;
      const inside = path.join(directory, entry.name);
      if (entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.')) directories.push(inside);
      else if (entry.isFile() && isSource(inside)) found.push(inside);
    }
  }
  return found
}

/** @param {string} directory */
function entriesOf (directory) {
  try {
    return fs.readdirSync(directory, { withFileTypes: true })
  } catch {
    return []
  }
}

exports.Packages = Packages;
exports.isSource = isSource;
exports.packagesOf = packagesOf;
exports.sourcesBelow = sourcesBelow;
