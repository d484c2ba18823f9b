// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const net = require('node:net');

// A worker that starts beside another, to take its place: it has loaded the config, and waits for the word to serve.


/** @type {any} a net.Socket, kept, because whoever closes it closes the descriptor, which the watchdog reads next */
let held;

/**
 * @param {number} control
 * @returns {Promise<{type: string}[]>} the word, and what was said before and with it
 */
function wordToServe (control) {
  /** @type {{type: string}[]} */
  const said = [];
  return new Promise((resolve) => {
    held = new net.Socket({ fd: control, readable: true, writable: false });
    held.on('error', leave).on('end', leave);
    held.on('data', (/** @type {Buffer} */ bytes) => {
      said.push(...String(bytes).trim().split('\n').map((line) => JSON.parse(line)));
      if (!said.some(({ type }) => type === 'serve')) return
      held._read = () => {}; // from here on the watchdog reads; `pause()` alone would go on, and keep what it gets
      held._handle.readStop();
      held.unref();
      resolve(said);
    });
  })
}

/** The supervisor is gone before anybody was served. */
function leave () {
  process.kill(process.pid, 'SIGKILL');
}

exports.wordToServe = wordToServe;
