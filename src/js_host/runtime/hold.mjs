// A worker that starts beside another, to take its place: it has loaded the config, and waits for the word to serve.

import net from 'node:net'

/** @type {any} a net.Socket, kept, because whoever closes it closes the descriptor, which the watchdog reads next */
let held

/**
 * @param {number} control
 * @returns {Promise<{type: string}[]>} the word, and what was said before and with it
 */
export function wordToServe (control) {
  /** @type {{type: string}[]} */
  const said = []
  return new Promise((resolve) => {
    held = new net.Socket({ fd: control, readable: true, writable: false })
    held.on('error', leave).on('end', leave)
    held.on('data', (/** @type {Buffer} */ bytes) => {
      said.push(...String(bytes).trim().split('\n').map((line) => JSON.parse(line)))
      if (!said.some(({ type }) => type === 'serve')) return
      held._read = () => {} // from here on the watchdog reads; `pause()` alone would go on, and keep what it gets
      held._handle.readStop()
      held.unref()
      resolve(said)
    })
  })
}

/** The supervisor is gone before anybody was served. */
function leave () {
  process.kill(process.pid, 'SIGKILL')
}
