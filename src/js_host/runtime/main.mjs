// A worker of a supervisor: loads the config, serves its functions on the sockets it inherited, until it is told to drain.
//
//   node main.mjs CONFIG --control FD --private FD [--connection FD] [--shared FD ...] [--spin MICROSECONDS]
//
// `control` is its line to the supervisor, `private` and `shared` are listening sockets, of this worker and of its host;
// `connection` is a client that is connected already.

import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { Watchdog } from './watchdog.mjs'

const [file, ...flags] = process.argv.slice(2)
const options = readFlags(flags)
const watchdog = new Watchdog(options.control)

process.setSourceMapsEnabled(true)
process.chdir(fs.existsSync(path.dirname(file)) ? path.dirname(file) : '/')
process.on('SIGINT', () => {})            // a Ctrl-C in the terminal is the supervisor's to answer
await start().catch(failed)

/** @param {string[]} flags */
function readFlags (flags) {
  const options = { control: 0, private: 0, connection: 0, shared: /** @type {number[]} */ ([]), spin: 0 }
  for (let i = 0; i < flags.length; i += 2) {
    const value = Number(flags[i + 1])
    if (flags[i] === '--control') options.control = value
    else if (flags[i] === '--private') options.private = value
    else if (flags[i] === '--connection') options.connection = value
    else if (flags[i] === '--shared') options.shared.push(value)
    else if (flags[i] === '--spin') options.spin = value
  }
  return options
}

async function start () {
  const { captureConsole } = await import('./logger.mjs')
  captureConsole((level, text) => process.stdout.write(`\x1e${JSON.stringify({ level, text })}\n`))
  const [{ loadConfig }, { Host }, { Worker }, { Connection, takeHandle }] = await Promise.all([
    import('./config.mjs'), import('./host.mjs'), import('./worker.mjs'), import('./connection.mjs')
  ])
  const host = await Host.create(await loadConfig(file))
  const worker = new Worker(host, { spin: options.spin, watchdog })
  const servers = [
    await listen(options.private, (socket) => new Connection(worker, takeHandle(socket))),
    ...await Promise.all(options.shared.map((fd) => listen(fd, httpOn(worker))))
  ]
  if (options.connection !== 0) new Connection(worker, { fd: options.connection }) // eslint-disable-line no-new
  watchLife(worker)
  watchdog.onControl = (message) => { if (message.type === 'drain') drain(worker, servers) }
  tell({ type: 'ready', pid: process.pid, node: process.version, status: host.status() })
}

/**
 * @param {number} fd @param {(socket: net.Socket) => void} onConnection
 * @returns {Promise<net.Server>}
 */
function listen (fd, onConnection) {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ pauseOnConnect: true, noDelay: true }, onConnection)
    server.once('error', reject)
    server.listen({ fd }, () => resolve(server))
  })
}

/**
 * Serve HTTP, and frames after an upgrade. node:http is loaded by the first connection: most hosts never see one.
 * @param {import('./worker.mjs').Worker} worker
 */
function httpOn (worker) {
  /** @type {Promise<import('node:http').Server> | undefined} */
  let http
  return async (/** @type {net.Socket} */ socket) => {
    http ??= httpServer(worker)
    const server = await http
    server.emit('connection', socket)
    socket.resume()
  }
}

/** @param {import('./worker.mjs').Worker} worker */
async function httpServer (worker) {
  const [{ createHttpServer }, { serveUpgrade }] = await Promise.all([import('./http.mjs'), import('./connection.mjs')])
  return createHttpServer(worker.host, { onUpgrade: (request, socket, head) => serveUpgrade(worker, request, socket, head) })
}

/** Take no more connections, finish the calls, go. @param {import('./worker.mjs').Worker} worker @param {net.Server[]} servers */
function drain (worker, servers) {
  for (const server of servers) server.close()
  worker.drain(() => process.exit(0))
}

/** What ends the process, or fails where no call is waiting for it, is told before it is too late. @param {import('./worker.mjs').Worker} worker */
function watchLife (worker) {
  process.on('exit', (code) => {
    if (worker.draining) return
    const functions = worker.inFlight()
    const message = `process.exit(${code}) was called${functions.length > 0 ? ` while ${functions.join(', ')} ran` : ''}.`
    worker.goodbye({ reason: 'exit', message })
    tell({ type: 'exit', code, functions })
  })
  process.on('uncaughtException', (error) => crashed(worker, error))
  process.on('unhandledRejection', (reason) => console.error('Unhandled rejection:', reason))
}

/** An exception that nobody caught: the process may be in any state, so it ends. @param {import('./worker.mjs').Worker} worker @param {unknown} thrown */
async function crashed (worker, thrown) {
  const { describeError } = await import('./errors.mjs')
  const error = describeError(thrown)
  worker.draining = true
  tell({ type: 'crashed', error, functions: worker.inFlight() })
  worker.goodbye({ reason: 'crashed', message: `An exception that nobody caught ended the worker: ${error.stack ?? error.message}` })
  setImmediate(() => process.exit(1))
}

/** The config could not be loaded. @param {unknown} thrown */
async function failed (thrown) {
  const { startError } = await import('./errors.mjs')
  tell({ type: 'failed', error: await startError(thrown, file) })
  process.exit(1)
}

/** @param {Record<string, unknown>} message */
function tell (message) {
  try {
    fs.writeSync(options.control, JSON.stringify(message) + '\n')
  } catch {
    // The supervisor is gone, and the watchdog is about to end this process.
  }
}
