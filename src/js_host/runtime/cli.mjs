#!/usr/bin/env node
/**
 * The host without Python: `js-host host.config.js`. It listens at the config's address until it is told to stop.
 */

import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isPort, loadConfig } from './config.mjs'
import { ConfigError } from './errors.mjs'
import { isLoopback } from './loopback.mjs'
import { Host, VERSION } from './host.mjs'
import { alsoWrite, captureConsole, createLogger, writeToFile } from './logger.mjs'
import { exit } from './originals.mjs'

const HELP = `Usage: js-host <file> [options]

Runs the functions of a config file for other programs.

  -c, --config          Read the config file, print its status as JSON, and exit
  -j, --json            Print the status as JSON once the host listens
  -p, --port <number>   Listen at this port instead of the config's
  -l, --logfile <path>  Write the log to this file as well
      --insecure        Listen beyond this machine, without encryption
  -v, --version         Print the version
  -h, --help            Print this text

Callers over TCP must give the token in the environment variable JS_HOST_TOKEN, if there is one.

Example: js-host host.config.js
`

/** Flags of the original that moved to the Python half. */
const GONE = {
  manager: 'The manager is part of the Python package now: `from js_host import JSHost` starts and watches hosts by itself.',
  detached: 'Hosts run in the foreground. In the background they belong to a supervisor: `js-host run` of the Python package, systemd or a container.'
}

const OPTIONS = /** @type {const} */ ({
  config: { type: 'boolean', short: 'c' },
  json: { type: 'boolean', short: 'j' },
  port: { type: 'string', short: 'p' },
  logfile: { type: 'string', short: 'l' },
  insecure: { type: 'boolean' },
  manager: { type: 'boolean', short: 'm' },
  detached: { type: 'boolean', short: 'd' },
  version: { type: 'boolean', short: 'v' },
  help: { type: 'boolean', short: 'h' }
})

/** Gone from the environment before any code of the config runs. */
const token = process.env.JS_HOST_TOKEN
delete process.env.JS_HOST_TOKEN

const SPIN = availableParallelism() > 1 ? 50 : 0 // microseconds

await main(process.argv.slice(2))

/** @param {string[]} args */
async function main (args) {
  const { file, values } = readArguments(args)
  if (values.help) return process.stdout.write(HELP)
  if (values.version) return process.stdout.write(VERSION + '\n')
  if (!file) return usageError('Name the config file to run.')
  process.setSourceMapsEnabled(true)
  try {
    await run(file, values)
  } catch (error) {
    await startFailed(error, file)
  }
}

/** @typedef {{config?: boolean, json?: boolean, port?: string, logfile?: string, insecure?: boolean, version?: boolean, help?: boolean}} Values */

/**
 * @param {string[]} args
 * @returns {{file: string | undefined, values: Values}}
 */
function readArguments (args) {
  try {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
    for (const [name, text] of Object.entries(GONE)) if (values[/** @type {keyof typeof GONE} */ (name)]) usageError(`--${name} is gone. ${text}`)
    if (positionals.length > 1) usageError(`Name one config file, not ${positionals.length}: ${positionals.join(' ')}`)
    if (values.port !== undefined && !isPort(values.port)) usageError(`--port takes a whole number from 0 to 65535, not "${values.port}".`)
    return { file: positionals[0], values }
  } catch (error) {
    return usageError(/** @type {Error} */ (error).message.replace(/\. To specify .*$/, '.'))
  }
}

/**
 * @param {string} message
 * @returns {never}
 */
function usageError (message) {
  process.stderr.write(`js-host: ${message}\n\n${HELP}`)
  process.exit(2)
}

/**
 * @param {string} file
 * @param {Values} values
 */
async function run (file, values) {
  // Where stdout carries JSON, it carries nothing else.
  if (values.config || values.json) captureConsole((_level, text) => process.stderr.write(text + '\n'))
  const host = await createHost(file, values)
  if (values.config) return process.stdout.write(JSON.stringify(host.status()) + '\n', () => exit(0))
  process.on('unhandledRejection', (reason) => host.logger.error('Unhandled rejection:', reason))
  refuseToBeExposed(host.settings.address, values.insecure === true)
  await serve(host)
  process.stdout.write(values.json ? JSON.stringify(host.status()) + '\n' : `Host listening at ${host.config.address}:${host.config.port}\n`)
}

/**
 * @param {string} file
 * @param {Values} values
 */
async function createHost (file, values) {
  const config = await loadConfig(file)
  if (values.port !== undefined) config.raw.port = config.port = Number(values.port)
  if (values.logfile !== undefined) {
    const write = openLogfile(values.logfile)
    config.logger = alsoWrite(config.logger ?? createLogger(), write)
    process.on('uncaughtExceptionMonitor', (error) => write('error', error.stack ?? String(error)))
  }
  return Host.create(config)
}

/** @param {string} path */
function openLogfile (path) {
  try {
    return writeToFile(path)
  } catch (error) {
    throw new ConfigError('JS_HOST_LOGFILE', `The log file ${path} can not be written: ${/** @type {Error} */ (error).message}.`,
      'Give --logfile a path in a directory that exists and can be written.')
  }
}

/**
 * Beyond this machine, whoever can read the traffic could read the calls, and whoever can connect could call.
 * @param {string} address @param {boolean} insecure
 */
function refuseToBeExposed (address, insecure) {
  if (isLoopback(address) || (insecure && token)) return
  throw new ConfigError('JS_HOST_EXPOSED', `The config would have the host listen at ${address}, where other machines may reach it.`,
    'Use the address 127.0.0.1; or serve with TLS: `js-host run` of the Python package; or, where the network is private, set a ' +
    'secret in the environment variable JS_HOST_TOKEN and give --insecure.')
}

/** @param {Host} host */
async function serve (host) {
  const [{ ACCEPT, Door }, { Token }, { Worker }] = await Promise.all([import('./door.mjs'), import('./guard.mjs'), import('./worker.mjs')])
  const worker = new Worker(host, { spin: SPIN })
  const door = new Door(worker, { token: token ? Token.of(token) : null })
  const server = createServer(ACCEPT, (socket) => door.admit(socket))
  await host.warmUp()
  await listen(server, host)
  onStopSignal(async () => {
    server.close()
    const answered = door.drain()
    await new Promise((resolve) => worker.drain(() => resolve(null)))
    await answered
  })
}

/**
 * @param {import('node:net').Server} server
 * @param {Host} host
 */
function listen (server, host) {
  const { address, port } = host.settings
  return new Promise((resolve, reject) => {
    server.on('error', (error) => {
      reject(listenError(error, address, port))
      if (server.listening) host.logger.error(`A connection could not be accepted: ${error.message}`) // no descriptors, most likely
    })
    server.listen(port, address, () => {
      const bound = server.address()
      if (bound !== null && typeof bound === 'object') host.config.port = bound.port
      resolve(null)
    })
  })
}

/**
 * @param {NodeJS.ErrnoException} error
 * @param {string} address
 * @param {number} port
 */
function listenError (error, address, port) {
  if (error.code !== 'EADDRINUSE') return error
  return new ConfigError('EADDRINUSE', `Port ${port} at ${address} is in use by another program.`,
    `Stop that program (perhaps a host that still runs), or choose another port: --port ${port + 1}, or \`port\` in the config; 0 takes any free one.`)
}

/**
 * The first signal ends politely, the second at once.
 * @param {() => Promise<unknown>} stop
 */
function onStopSignal (stop) {
  let stopping = false
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) {
    process.on(signal, async () => {
      if (stopping) exit(1)
      stopping = true
      await stop()
      exit(0)
    })
  }
}

/**
 * @param {unknown} thrown
 * @param {string} file
 */
async function startFailed (thrown, file) {
  const { formatStartError, tellStart } = await import('./start_error.mjs')
  process.stderr.write(`js-host could not start.\n\n${formatStartError(await tellStart(thrown, file))}`)
  process.exit(1)
}
