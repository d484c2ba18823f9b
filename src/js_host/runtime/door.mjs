/**
 * The door of a worker to the network: HTTP, or HTTPS, and frames after an upgrade, on sockets that were accepted elsewhere.
 */

import { readFileSync } from 'node:fs'
import { ConfigError } from './errors.mjs'
import { Guard } from './guard.mjs'
import { createHttpServer, drainHttpServer } from './http.mjs'
import { serveUpgrade } from './upgrade.mjs'

/** @typedef {import('node:net').Socket} Socket @typedef {import('./guard.mjs').Token} Token */

/** How accepted sockets are to be made for `admit`; one whose other end is gone is noticed within a minute or two. */
export const ACCEPT = { pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 }

/**
 * @typedef {object} DoorOptions
 * @property {Token | null} [token] what callers on TCP must give
 * @property {import('node:tls').TlsOptions | null} [tls]
 */

export class Door {
  /**
   * @param {import('./worker.mjs').Worker} worker
   * @param {DoorOptions} [options]
   */
  constructor (worker, { token = null, tls = null } = {}) {
    this.worker = worker
    this.encrypted = tls !== null
    this.limit = worker.host.settings.maxConnections
    /** Connections that are open, also those that speak frames by now. */
    this.count = 0
    this.left = () => { this.count-- }
    this.guard = new Guard(worker.host, token)
    this.server = createHttpServer(worker, {
      guard: this.guard,
      tls,
      onUpgrade: (req, socket, head) => this.#upgrade(req, /** @type {Socket} */ (socket), head)
    })
  }

  /** Serve a connection, if there are not too many. @param {Socket} socket */
  admit (socket) {
    if (this.count >= this.limit) return this.#turnAway(socket)
    this.#counted(socket)
    this.server.emit('connection', socket)
    socket.resume()
  }

  /** @param {number} [time] how long its calls may take, in ms */
  drain (time) {
    return drainHttpServer(this.server, time)
  }

  /** @param {Socket} socket */
  #counted (socket) {
    this.count++
    socket.once('close', this.left)
  }

  /** @param {Socket} socket */
  #turnAway (socket) {
    this.worker.host.counters.refusedConnections++
    socket.destroy()
  }

  /** @param {import('node:http').IncomingMessage} req @param {Socket} socket @param {Buffer} head */
  #upgrade (req, socket, head) {
    const wanted = this.guard.wanted(req)
    const address = socket.remoteAddress
    serveUpgrade(this.worker, socket, head, {
      encrypted: this.encrypted,
      admits: wanted && ((said) => wanted.matches(said) || this.guard.strangerCame(address)),
      onOpen: (connection) => { if (!this.encrypted) this.#counted(connection.socket) } // its first socket is closed
    })
  }
}

/**
 * The options for HTTPS from the paths of its files. With `clientCa`, whoever has no certificate signed by it stays outside.
 * @param {string} cert @param {string} key @param {string | undefined} clientCa
 * @returns {import('node:tls').TlsOptions}
 */
export function tlsOptions (cert, key, clientCa) {
  const options = { minVersion: /** @type {const} */ ('TLSv1.3'), cert: read(cert, 'certificate'), key: read(key, 'key') }
  if (clientCa === undefined) return options
  return { ...options, ca: read(clientCa, 'certificate of who signs for callers'), requestCert: true, rejectUnauthorized: true }
}

/** @param {string} path @param {string} what */
function read (path, what) {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new ConfigError('JS_HOST_TLS', `The ${what} for TLS can not be read: ${/** @type {Error} */ (error).message}.`,
      'Name a file in PEM form that the user of the host may read.')
  }
}
