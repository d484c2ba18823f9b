// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const module$1 = require('node:module');
const path = require('node:path');
const node_url = require('node:url');
const sources = require('./sources.cjs');
const main = require('./main.cjs');
require('node:fs');
require('node:net');
require('node:util/types');
require('node:buffer');
require('node:worker_threads');

// What this worker has loaded from files, and when: that is what is worth watching. To be there before the config is loaded.
//
// Node 22.15, 23.5, 24 and later tell of each file. On older ones it is what `require` knows, which leaves ES modules out:
// then all source files of the config's directory are taken as loaded.


/** How many files elsewhere are worth telling of. */
const MOST = 100;
const registerHooks = /** @type {any} */ (module$1).registerHooks;

class Loads {
  /** @param {string} file the config */
  constructor (file) {
    this.root = path.dirname(path.resolve(file));
    /** Whether Node tells of each file. */
    this.isWhole = registerHooks !== undefined;
    /** @type {Map<string, number>} URLs with the moment before the file was read */
    this.moments = new Map();
    /** @type {(path: string) => void} a file was loaded later */
    this.onLoad = () => {};
    registerHooks?.({ load: (/** @type {string} */ url, /** @type {any} */ context, /** @type {Function} */ next) => this.load(url, context, next) });
  }

  /** @param {string} url @param {any} context @param {Function} next */
  load (url, context, next) {
    if (url.startsWith('file:') && !url.startsWith(main.RUNTIME_URL) && !this.moments.has(url)) {
      this.moments.set(url, Date.now());
      this.onLoad(node_url.fileURLToPath(url));
    }
    return next(url, context)
  }

  /** The paths of the files that are neither in the config's directory nor in packages. @returns {string[]} */
  elsewhere () {
    return [...this.files().keys()].filter((file) => !file.startsWith(this.root + path.sep) && sources.packagesOf(file) === null).slice(0, MOST)
  }

  /** @returns {Map<string, number>} the paths of all files, with the moment before each was read */
  files () {
    const files = new Map();
    const unsure = this.isWhole ? [] : sources.sourcesBelow(this.root);
    const required = Object.keys(/** @type {any} */ (module$1)._cache).filter((file) => !file.startsWith(main.RUNTIME_PATH));
    for (const file of [...unsure, ...required]) files.set(file, main.performance.timeOrigin);
    for (const [url, moment] of this.moments) files.set(node_url.fileURLToPath(url), moment);
    return files
  }
}

exports.Loads = Loads;
