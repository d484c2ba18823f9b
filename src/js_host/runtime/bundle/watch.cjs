// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const node_crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const main = require('./main.cjs');
const sources = require('./sources.cjs');
require('node:net');
require('node:url');
require('node:util/types');
require('node:buffer');
require('node:worker_threads');

// Directories under watch, each by itself. Where the system has no more watches to give, the files are looked at now and then.


/** How often files are looked at where directories can not be watched, and directories that are gone are looked for, in ms. */
const LOOK = 1000;

class Directories {
  /**
   * @param {string} root directories below it are also watched for their own coming and going
   * @param {(directory: string, name: string | null) => void} onEvent
   * @param {() => Iterable<string>} files what to look at where directories can not be watched
   */
  constructor (root, onEvent, files) {
    this.root = root;
    this.onEvent = onEvent;
    this.files = files;
    /** @type {Map<string, fs.FSWatcher | null>} null: it is not there now */
    this.watchers = new Map();
    /** @type {Map<string, string>} which directory is watched under each path */
    this.identities = new Map();
    /** @type {Set<string>} those that went, or were replaced */
    this.gone = new Set();
    /** @type {NodeJS.Timeout | undefined} */
    this.search = undefined;
    /** @type {Map<string, string>} what was seen of each file when it was looked at */
    this.seen = new Map();
    /** @type {NodeJS.Timeout | undefined} */
    this.ticker = undefined;
  }

  /** @param {string} directory */
  watch (directory) {
    if (this.watchers.has(directory)) return
    this.watchers.set(directory, this.open(directory));
    if (directory.startsWith(this.root + path.sep)) this.watch(path.dirname(directory));
  }

  /**
   * A directory may have come or gone: watch the one that is there now, and those below.
   * @param {string} directory @returns {boolean} whether it is one of ours
   */
  renew (directory) {
    if (!this.watchers.has(directory)) return false
    for (const [inside, watcher] of this.watchers) {
      if (inside !== directory && !inside.startsWith(directory + path.sep)) continue
      watcher?.close();
      this.watchers.set(inside, this.open(inside));
    }
    return true
  }

  /** @param {string} directory @returns {fs.FSWatcher | null} */
  open (directory) {
    this.identities.set(directory, identityOf(directory));
    if (this.ticker !== undefined) return null
    try {
      const watcher = fs.watch(directory, { persistent: false }, (_, name) => this.onEvent(directory, name));
      watcher.on('error', () => watcher.close()); // its directory is gone: the one above tells
      return watcher
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code === 'ENOSPC' || code === 'EMFILE') this.lookInstead(code);
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
    this.gone.add(directory);
    this.search ??= main.setInterval(() => this.lookForGone(), LOOK).unref();
  }

  lookForGone () {
    for (const directory of [...this.gone].filter((one) => fs.existsSync(one))) {
      this.gone.delete(directory);
      this.renew(directory);
      this.onEvent(directory, null);
    }
    if (this.gone.size > 0) return
    main.clearInterval(this.search);
    this.search = undefined;
  }

  /** @param {string} code */
  lookInstead (code) {
    if (this.ticker !== undefined) return
    console.warn(`The system has no more watches for files to give (${code}), so changes are looked for every ${LOOK / 1000} s. ` +
      'On Linux, raise fs.inotify.max_user_watches and fs.inotify.max_user_instances.');
    this.closeAll();
    this.ticker = main.setInterval(() => this.look(), LOOK).unref();
  }

  all () {
    return [...this.files(), ...[...this.watchers.keys()].filter((directory) => path.basename(directory) === 'node_modules')]
  }

  look () {
    for (const file of this.all()) {
      const before = this.seen.get(file);
      const now = glimpse(file);
      this.seen.set(file, now);
      if (now !== before) this.onEvent(path.dirname(file), path.basename(file));
    }
  }

  closeAll () {
    for (const watcher of this.watchers.values()) watcher?.close();
  }

  close () {
    main.clearInterval(this.ticker);
    main.clearInterval(this.search);
    this.closeAll();
    this.watchers.clear();
  }
}

/** One that is made anew may get the number of the one before. @param {string} directory */
function identityOf (directory) {
  const stats = fs.statSync(directory, { throwIfNoEntry: false });
  return stats === undefined ? '' : `${stats.ino} ${stats.birthtimeMs}`
}

/** @param {string} file */
function glimpse (file) {
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? '' : `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`
}

// Notices when a file that this worker has loaded changes, and says so once for all that change together.
//
// What counts is the content, so a touch is nothing, and neither is the same content saved again. Directories are watched,
// not files: many editors save by renaming another file into the place.


/** How long it must be quiet after a change of one file, and of several, until they count, in ms. */
const QUIET = 50;
const QUIET_OF_MANY = 100;
/** A burst that does not end counts after this, in ms: of one file, also one that is empty or gone, maybe half saved; and of several. */
const LONGEST = 500;
const LONGEST_OF_MANY = 2000;
/** How far the clock of the file system may be behind, in ms. */
const COARSE = 10;
/** After how many files other work gets its turn. */
const AT_ONCE = 50;

class Watch {
  /**
   * @param {import('./loads.mjs').Loads} loads
   * @param {(message: {type: string, [field: string]: unknown}) => void} tell
   */
  constructor (loads, tell) {
    this.root = loads.root;
    this.loads = loads;
    this.tell = tell;
    /** @type {Map<string, string | null | undefined>} files with the code of their content; null: not there; undefined: not read yet */
    this.known = new Map();
    /** @type {Set<string>} files of which something was heard */
    this.dirty = new Set();
    this.directories = new Directories(this.root, (directory, name) => this.heard(directory, name), () => this.known.keys());
    this.packages = new sources.Packages((directory) => this.tell({ type: 'changed', files: [directory] }));
    /** @type {Promise<void> | null} files are being read */
    this.reading = null;
    this.looksFurther = false;
    this.burstBegan = this.burstEnd = 0;
    /** @type {NodeJS.Timeout | undefined} */
    this.timer = undefined;
  }

  /** Begin, and tell when the files changed that are watched from now on: maybe it was while nobody watched. */
  async start () {
    const loaded = this.loads.files();
    for (const file of loaded.keys()) this.add(file);
    this.addPackages(path.join(this.root, 'node_modules'));
    this.loads.onLoad = (file) => this.add(file);
    await this.readAll();
    this.tell({ type: 'watching', ...this.changes(loaded), code: this.code() });
  }

  /**
   * When the newest of the files changed; and the newest of those that changed after this worker had loaded them, 0 if none did.
   * Both in ms since 1970, and `COARSE` late rather than early.
   * @param {Map<string, number>} loaded
   */
  changes (loaded) {
    let newest = 0;
    let late = 0;
    for (const file of [...this.known.keys(), ...this.packages.records()]) {
      const at = changedAt(file) + COARSE;
      if (at > newest) newest = at;
      if (at > late && at >= (loaded.get(file) ?? main.performance.timeOrigin)) late = at;
    }
    return { newest, late }
  }

  /** @param {string} file */
  add (file) {
    const packages = sources.packagesOf(file);
    if (packages !== null) return this.addPackages(packages)
    if (this.known.has(file)) return
    this.known.set(file, undefined);
    this.directories.watch(path.dirname(file));
    this.readAll();
  }

  /** @param {string} directory a node_modules */
  addPackages (directory) {
    if (!this.packages.add(directory)) return
    this.directories.watch(path.dirname(directory));
    this.directories.watch(directory);
  }

  /** Read the files that were not read yet. */
  readAll () {
    this.reading ??= this.readSome().finally(() => { this.reading = null; });
    return this.reading
  }

  /** A few at a time. */
  async readSome () {
    await null;
    let count = 0;
    for (const [file, code] of this.known) {
      if (code !== undefined) continue
      this.known.set(file, codeOf(file));
      if (++count % AT_ONCE === 0) await new Promise(main.setImmediate);
    }
  }

  /** The code of all contents together. */
  code () {
    const hash = node_crypto.createHash('sha1');
    for (const file of [...this.known.keys()].sort()) hash.update(`${file}\0${this.known.get(file)}\0`);
    return hash.digest('base64')
  }

  /**
   * Something happened in a directory.
   * @param {string} directory @param {string | null} name null where the system does not tell
   */
  heard (directory, name) {
    if (name === null) return this.heardBelow(directory)
    const file = path.join(directory, name);
    if (this.packages.heard(directory) || this.packages.heard(file)) this.directories.renew(file);
    else if (this.known.has(file)) this.burst([file]);
    else if (this.directories.renew(file)) this.heardBelow(file);
    else if (this.looksFurther) this.burst(sources.isSource(file) ? [file] : this.sourcesBelow(file));
  }

  /** @param {string} directory which came or went whole */
  heardBelow (directory) {
    this.burst([...this.known.keys()].filter((file) => file.startsWith(directory + path.sep)));
  }

  /** @param {string[]} files */
  burst (files) {
    if (files.length === 0) return
    if (this.dirty.size === 0) this.burstBegan = main.performance.now();
    for (const file of files) this.dirty.add(file);
    this.burstEnd = this.burstBegan + (this.dirty.size > 1 ? LONGEST_OF_MANY : LONGEST);
    this.wait();
  }

  wait () {
    main.clearTimeout(this.timer);
    const quiet = this.dirty.size > 1 ? QUIET_OF_MANY : QUIET;
    this.timer = main.setTimeout(() => this.look(), Math.min(quiet, Math.max(this.burstEnd - main.performance.now(), 0))).unref();
  }

  /** It is quiet: what has changed? */
  look () {
    const isOver = main.performance.now() >= this.burstEnd - 1;
    if (!isOver && (this.reading !== null || [...this.dirty].some(isHalfSaved))) return this.wait()
    const changed = [...this.dirty].filter((file) => this.hasChanged(file));
    for (const directory of new Set([...this.dirty].map((file) => path.dirname(file)))) this.directories.check(directory);
    this.dirty.clear();
    if (changed.length > 0) this.tell({ type: 'changed', files: changed });
  }

  /** @param {string} file */
  hasChanged (file) {
    const before = this.known.get(file) ?? null;
    const now = codeOf(file);
    if (now !== null || this.known.has(file)) this.known.set(file, now);
    return now !== before
  }

  /**
   * The code of now does not start: what mends it may be a file that was never loaded.
   * @param {string[]} files what the worker that failed has loaded from elsewhere
   * @param {number} since when it began, in ms since 1970
   */
  async lookFurther (files, since) {
    this.looksFurther = true;
    const others = [...this.sourcesBelow(this.root), ...files].filter((file) => !this.known.has(file));
    for (const file of others) this.directories.watch(path.dirname(file));
    let count = 0;
    for (const file of others) {
      if (!this.looksFurther) return // it was closed meanwhile
      const code = codeOf(file);
      if (changedAt(file) + COARSE < since) this.known.set(file, code); // looked at after it was read: so it was read as it was then
      else this.burst([file]); // it may have been mended while nobody looked
      if (++count % AT_ONCE === 0) await new Promise(main.setImmediate);
    }
  }

  /** The source files below a directory, which is watched from now on with all in it. @param {string} directory */
  sourcesBelow (directory) {
    if (path.basename(directory).startsWith('.') || !fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return []
    return sources.sourcesBelow(directory, (inside) => this.directories.watch(inside))
  }

  /** End. What has not been told will be found by the worker that has loaded these files anew. */
  close () {
    this.looksFurther = false;
    main.clearTimeout(this.timer);
    this.loads.onLoad = () => {};
    this.packages.close();
    this.directories.close();
  }
}

/** @param {string} file @returns {string | null} */
function codeOf (file) {
  try {
    return node_crypto.createHash('sha1').update(fs.readFileSync(file)).digest('base64')
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

exports.Watch = Watch;
