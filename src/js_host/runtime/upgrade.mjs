// From an HTTP connection to one of frames.

import { Connection } from './connection.mjs'
import { isLoopback } from './loopback.mjs'

/** @typedef {import('./worker.mjs').Worker} Worker @typedef {import('node:net').Socket} Socket */

/**
 * Serve frames on a socket that asked for them with `Upgrade: js-host/1`.
 * @param {Worker} worker @param {Socket} socket @param {Buffer} head
 * @param {{encrypted?: boolean, admits?: import('./connection.mjs').Admits | null, onOpen?: (connection: Connection) => void}} [options]
 */
export function serveUpgrade (worker, socket, head, { encrypted = false, admits = null, onOpen = () => {} } = {}) {
  const isNear = socket.remoteAddress === undefined || isLoopback(socket.remoteAddress)
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: js-host/1\r\n\r\n', () => {
    if (!socket.destroyed) onOpen(new Connection(worker, encrypted ? { stream: socket } : { ...takeHandle(socket), isNear }, head, admits))
  })
}

/**
 * Take a socket's handle away from it. The sockets of a server can not read straight into our buffers
 * (`onread`); a new one around the same handle can.
 * @param {any} socket @returns {{handle: any}}
 */
export function takeHandle (socket) {
  const handle = socket._handle
  socket._handle = null
  socket.destroy()
  return { handle }
}
