// A worker that starts beside another, to take its place: it has loaded the config, and waits for the word to serve.

import net from 'node:net'

/** @type {any} a net.Socket, kept, because whoever closes it closes the descriptor, which the watchdog reads next */
let held

/**
 * @param {number} control
 * @returns {Promise<{type: string}[]>} the word, and what was said with it
 */
export function wordToServe (control) {
  return new Promise((resolve) => {
    held = new net.Socket({ fd: control, readable: true, writable: false })
    held.on('error', leave).on('end', leave)
    held.once('data', (/** @type {Buffer} */ bytes) => {
      held._read = () => {} // from here on the watchdog reads; `pause()` alone would go on, and keep what it gets
      held._handle.readStop()
      held.unref()
      resolve(String(bytes).trim().split('\n').map((line) => JSON.parse(line)))
    })
  })
}

/** The supervisor is gone before anybody was served. */
function leave () {
  process.kill(process.pid, 'SIGKILL')
}
