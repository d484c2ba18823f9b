// A worker of a supervisor: loads the config, serves its functions on the sockets it inherited, until it is told to drain.
//
//   node main.mjs CONFIG --control FD --private FD [--connection FD] [--shared FD ...] [--spin MICROSECONDS]
//                        [--address NAME --port NUMBER] [--tls-cert FILE --tls-key FILE [--tls-client-ca FILE]]
//                        [--watch 1] [--hold 1] [--metrics PLACE] [--compiled DIRECTORY] [--socket PATH ...]
//
// `control` is its line to the supervisor; `private` and `shared` are listening sockets, of this worker and of its host;
// `connection` is a client that is connected already; `address` and `port` are where its host listens, for its status;
// the files for TLS are those for its shared sockets; each `socket` is the private one of a worker of its host.
// With `watch` it tells when a file that it has loaded changes; with `hold` it waits, loaded, for the word to serve;
// with `metrics` it keeps them, and says in its status where its supervisor answers for them. Where Node keeps what it has
// `compiled` was for it to read from its environment, and is none of the functions' business.

import { existsSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { loadConfig } from './config.mjs'
import { Connection } from './connection.mjs'
import { Host } from './host.mjs'
import { captureConsole } from './logger.mjs'
import { exit, performance, setImmediate, setTimeout } from './originals.mjs'
import { Records } from './records.mjs'
import { takeHandle } from './upgrade.mjs'
import { Watchdog } from './watchdog.mjs'
import { Worker } from './worker.mjs'

/**
 * @typedef {{type: string, timeout?: number, text?: string, number?: number, files?: string[], since?: number}} Order what the supervisor says
 * @typedef {Record<string, (order: Order) => void>} Orders
 * @typedef {import('node:net').Socket} Socket @typedef {import('node:net').Server} Server
 */

/** How long the first calls have the worker for themselves before it begins to watch files, in ms. */
const WATCH_DELAY = 50
/** How long a message may take to leave, in ms. */
const LONGEST_TELL = 1000
/** What Node ends with where it waits at the top level of a module, and nothing is left to wait for. */
const UNSETTLED = 13
/** To sleep on. */
const NEVER = new Int32Array(new SharedArrayBuffer(4))

const [file, ...flags] = process.argv.slice(2)
const options = readFlags(flags)
const control = Number(options.control)
/** @type {import('./loads.mjs').Loads | null} */
let loads = null
/** @type {Promise<import('./door.mjs').Door> | undefined} node:http is loaded by the first connection: most workers never see one */
let door
/** @type {Worker | null} what serves, once the config is loaded */
let serving = null
/** What callers on TCP must know, as a digest; gone from the environment before any code of the config runs. */
const tokenDigest = process.env.JS_HOST_TOKEN_SHA256
delete process.env.JS_HOST_TOKEN_SHA256
if (options.compiled !== undefined) delete process.env.NODE_COMPILE_CACHE

process.setSourceMapsEnabled(true)
process.on('SIGINT', () => {})            // a Ctrl-C in the terminal is the supervisor's to answer
process.on('SIGTERM', () => tell({ type: 'terminated' })) // and so is what a service manager sends to all processes at once
const records = new Records((line) => { if (process.stdout.writable) process.stdout.write(line) }) // functions may end it
captureConsole((level, text) => records.record(level, text), () => records.admit())
watchLife()
start().catch(failed)

/**
 * @param {string[]} flags
 * @returns {{shared: string[], socket: string[], [name: string]: any}}
 */
function readFlags (flags) {
  const options = { shared: /** @type {string[]} */ ([]), socket: /** @type {string[]} */ ([]) }
  for (let i = 0; i < flags.length; i += 2) {
    const name = flags[i].slice(2)
    if (name === 'shared' || name === 'socket') options[name].push(flags[i + 1])
    else Object.assign(options, { [name]: flags[i + 1] })
  }
  return options
}

async function start () {
  if (process.permission !== undefined) (await import('./permissions.mjs')).checkPermissions()
  process.chdir(existsSync(dirname(file)) ? dirname(file) : '/')
  if (options.watch !== undefined) loads = new (await import('./loads.mjs')).Loads(file)
  const config = await loadConfig(file)
  if (options.port !== undefined) Object.assign(config.raw, { address: options.address, port: Number(options.port) })
  const host = await Host.create(config)
  if (options.metrics !== undefined) await host.keepMetrics(options.metrics)
  await host.warmUp()
  const worker = new Worker(host, { spin: Number(options.spin ?? 0), sockets: options.socket })
  if (options['tls-cert'] !== undefined) await (door = openDoor(worker)) // files that are no good fail the start
  records.attribute = () => worker.attribution.current()
  const said = options.hold === undefined ? [] : await hold(worker)
  if (options.connection !== undefined) new Connection(worker, { fd: Number(options.connection), isPrivate: true }) // eslint-disable-line no-new
  if (options.hold === undefined) ready(worker)
  setImmediate(() => complete(worker, said).catch(crashed)) // one that can not listen must not stay
}

/** @param {Worker} worker */
function ready (worker) {
  const { host } = worker
  serving = worker
  process.on('unhandledRejection', (reason) => console.error('Unhandled rejection:', reason))
  tell({ type: 'ready', pid: process.pid, node: process.version, status: host.status(), disconnectTimeout: host.settings.disconnectTimeout })
}

/** Another worker still serves in this place. @param {Worker} worker */
async function hold (worker) {
  ready(worker)
  const { wordToServe } = await import('./hold.mjs')
  return wordToServe(control)
}

/**
 * What can wait until the first client's hello is answered, and must be there when its call comes. Other clients wait in the
 * backlog of the sockets.
 * @param {Worker} worker @param {Order[]} said by the supervisor already
 */
async function complete (worker, said) {
  const watchdog = new Watchdog(control)
  worker.watch(watchdog)
  const servers = listenAll(worker)
  const orders = /** @type {Orders} */ ({
    drain: (order) => drain(worker, servers, order),
    warn: ({ text }) => worker.warn(text ?? ''),
    report: ({ number }) => tell({ type: 'report', number, ...worker.report() })
  })
  watchdog.onControl = (message) => orders[message.type]?.(message)
  for (const message of said) orders[message.type]?.(message)
  await servers
  if (loads !== null) setTimeout(watchFiles, WATCH_DELAY, loads, orders).unref()
}

/**
 * Tell the supervisor when what was loaded changes.
 * @param {import('./loads.mjs').Loads} loads @param {Orders} orders of the supervisor
 */
async function watchFiles (loads, orders) {
  const { Watch } = await import('./watch.mjs')
  const watch = new Watch(loads, tell)
  const { drain } = orders
  orders.drain = (order) => { watch.close(); drain(order) }
  orders['look further'] = ({ files, since }) => watch.lookFurther(files ?? [], since ?? 0)
  await watch.start()
}

/**
 * In the next turn of the event loop: the first call may be there, and to listen loads modules of Node for 2 ms.
 * @param {Worker} worker @returns {Promise<Server[]>}
 */
async function listenAll (worker) {
  await new Promise(setImmediate)
  if (worker.draining) return []
  return Promise.all([
    listen(Number(options.private), (socket) => new Connection(worker, { ...takeHandle(socket), isPrivate: true })),
    ...options.shared.map((fd) => listen(Number(fd), httpOn(worker)))
  ])
}

/**
 * @param {number} fd @param {(socket: Socket) => void} onConnection
 * @returns {Promise<Server>}
 */
function listen (fd, onConnection) {
  return new Promise((resolve, reject) => {
    const server = createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 }, onConnection)
    server.on('error', (error) => {
      reject(error)
      if (server.listening) console.error('A connection could not be accepted:', error.message) // no descriptors, most likely
    })
    server.listen({ fd }, () => resolve(server))
  })
}

/**
 * Serve HTTP, and frames after an upgrade.
 * @param {Worker} worker
 */
function httpOn (worker) {
  return (/** @type {Socket} */ socket) => {
    door ??= openDoor(worker)
    door.then((open) => open.admit(socket), (error) => {
      door = undefined // what was lacking, descriptors most likely, may be there for the next one
      socket.destroy()
      console.error('A connection could not be served:', error.message)
    })
  }
}

/** @param {Worker} worker */
async function openDoor (worker) {
  const [{ Door, tlsOptions }, { Token }] = await Promise.all([import('./door.mjs'), import('./guard.mjs')])
  const { 'tls-cert': cert, 'tls-key': key, 'tls-client-ca': clientCa } = options
  return new Door(worker, {
    token: tokenDigest === undefined ? null : new Token(tokenDigest),
    tls: cert === undefined ? null : tlsOptions(cert, key, clientCa)
  })
}

/**
 * Take no more connections, finish the calls, go.
 * @param {Worker} worker @param {Promise<Server[]>} servers
 * @param {Order} order `timeout`: until it is ended, in ms
 */
async function drain (worker, servers, { timeout }) {
  if (worker.draining) return
  servers.then((listening) => { for (const server of listening) server.close() }, () => {})
  const answered = door?.then((open) => open.drain(timeout))
  const idle = new Promise((resolve) => worker.drain(() => resolve(null), timeout))
  tell({ type: 'draining' })
  await Promise.allSettled([idle, answered])
  worker.goodbye({ reason: 'drained', message: 'The worker has answered all calls that it took.' })
  exit(0)
}

/** What ends the process is told before it is too late. */
function watchLife () {
  process.on('exit', (code) => {
    records.tellAll()
    if (serving === null) return tell({ type: 'exit', code, functions: [] })
    if (serving.host.metrics !== null) tell({ type: 'report', ...serving.report() })
    if (serving.draining) return
    const functions = serving.inFlight()
    const message = `process.exit(${code}) was called${functions.length > 0 ? ` while ${functions.join(', ')} ran` : ''}.`
    serving.goodbye({ reason: 'exit', message })
    tell({ type: 'exit', code, functions })
  })
  process.on('uncaughtException', crashed)
  process.once('beforeExit', () => { if (serving === null) exit(UNSETTLED) })
}

/** An exception that nobody caught: the process may be in any state, so it ends. @param {unknown} thrown */
async function crashed (thrown) {
  const { describeError } = await import('./errors.mjs')
  const error = describeError(thrown)
  tell({ type: 'crashed', error, functions: serving?.inFlight() ?? [] })
  if (serving !== null) {
    serving.draining = true
    serving.goodbye({ reason: 'crashed', message: `An exception that nobody caught ended the worker: ${error.stack ?? error.message}` })
  }
  setImmediate(() => exit(1))
}

/** The config could not be loaded. @param {unknown} thrown */
async function failed (thrown) {
  const { startError } = await import('./errors.mjs')
  tell({ type: 'failed', error: await startError(thrown, file), elsewhere: loads?.elsewhere() })
  exit(1)
}

/**
 * A message of many files does not leave at once: the supervisor reads some of it first.
 * @param {Record<string, unknown>} message
 */
function tell (message) {
  const giveUpAt = performance.now() + LONGEST_TELL
  for (let rest = Buffer.from(JSON.stringify(message) + '\n'); rest.length > 0 && performance.now() < giveUpAt;) {
    try {
      rest = rest.subarray(writeSync(control, rest))
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EAGAIN') return // it is gone, and the watchdog is about to end this process
      Atomics.wait(NEVER, 0, 0, 1)
    }
  }
}
