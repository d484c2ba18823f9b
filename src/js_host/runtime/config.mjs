/**
 * Reads a host.config.js, in CommonJS, ES modules or TypeScript, and checks it at the door.
 */

import { readdirSync, statSync } from 'node:fs'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigError } from './errors.mjs'
import { util } from './util.mjs'

/**
 * @typedef {object} Config
 * @property {string} file absolute path
 * @property {Record<string, Function>} functions without a prototype
 * @property {string} address
 * @property {number} port
 * @property {number} requestDataLimit bytes
 * @property {number} disconnectTimeout milliseconds
 * @property {number} maxConnections that a worker accepts on its shared sockets
 * @property {string[]} allowedHosts names that the host may be asked by over TCP, besides its own address
 * @property {import('./logger.mjs').Logger | null} logger
 * @property {((host: import('./host.mjs').Host) => unknown) | null} extendHost
 * @property {((host: import('./host.mjs').Host) => unknown) | null} warmup what each worker does before it is ready
 * @property {Record<string, any>} raw what functions read as this.host.config: all that was written, and these
 */

const DEFAULTS = {
  address: '127.0.0.1',
  port: 9009,
  requestDataLimit: '256mb',
  disconnectTimeout: 5000,
  maxConnections: 10_000,
  allowedHosts: Object.freeze([]),
  logger: null
}

/** Exports that are never taken for functions to call. */
const RESERVED = new Set(['default', 'module.exports', '__esModule', 'functions', 'extendHost', 'warmup', ...Object.keys(DEFAULTS)])

const LARGEST = 0xffffffff // what the length of a frame can say

/**
 * @param {string} file
 * @returns {Promise<Config>}
 */
export async function loadConfig (file) {
  const path = resolve(file)
  checkFile(path)
  const exported = await import(pathToFileURL(path).href)
  return readConfig(exported, path)
}

/**
 * @param {Record<string, any>} exported the module's namespace
 * @param {string} file
 * @returns {Config}
 */
export function readConfig (exported, file) {
  const module = moduleOf(exported)
  const main = defaultExport(module)
  const named = namedExports(module, main)
  if (Object.keys(main).length + Object.keys(named).length === 0) throw nothingExported(exported, file)
  const raw = { ...DEFAULTS, ...main, ...withoutFunctions(named) }
  const config = {
    functions: findFunctions(raw, main, named, file),
    address: checked(raw, 'address', file, isText, "an address to listen at, such as '127.0.0.1'"),
    port: Number(checked(raw, 'port', file, isPort, 'a whole number from 0 to 65535')),
    requestDataLimit: toBytes(checked(raw, 'requestDataLimit', file, isSize, "a size up to 4gb, such as '10mb', '512kb' or a number of bytes")),
    disconnectTimeout: checked(raw, 'disconnectTimeout', file, isDuration, 'a number of milliseconds, 0 or more'),
    maxConnections: checked(raw, 'maxConnections', file, isCount, 'a whole number from 1'),
    allowedHosts: checked(raw, 'allowedHosts', file, isNames, "a list of host names, such as ['js-host.internal']"),
    logger: checked(raw, 'logger', file, isLogger, 'null, or an object with the methods of console (info and error at least)')
  }
  const extendHost = checked(raw, 'extendHost', file, isOptionalFunction, 'a function that takes the host') ?? null
  const warmup = checked(raw, 'warmup', file, isOptionalFunction, 'a function that takes the host') ?? null
  return { file, ...config, extendHost, warmup, raw: Object.assign(raw, config) }
}

/**
 * '10mb' → 10485760.
 * @param {unknown} size
 * @returns {number} NaN where it is not a size
 */
export function toBytes (size) {
  if (typeof size === 'number') return size
  const match = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?$/i.exec(String(size).trim())
  if (!match) return NaN
  const unit = /** @type {'b' | 'kb' | 'mb' | 'gb'} */ ((match[2] ?? 'b').toLowerCase())
  return Math.floor(Number(match[1]) * { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }[unit])
}

/** @param {string} path */
function checkFile (path) {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw new ConfigError('JS_HOST_CONFIG_MISSING', `There is no config file ${path}.`, missingHint(path))
  if (stats.isDirectory()) throw new ConfigError('JS_HOST_CONFIG_DIRECTORY', `${path} is a directory, not a config file.`, directoryHint(path))
  if (extname(path) === '.json') {
    throw new ConfigError('JS_HOST_CONFIG_JSON', `${path} is JSON, which can not hold functions.`, 'Write the config in JavaScript, such as host.config.js.')
  }
  if (/^\.[mc]?ts$/.test(extname(path)) && !readsTypeScript()) {
    throw new ConfigError('JS_HOST_TYPESCRIPT', `This Node (${process.version}) can not read TypeScript: ${path}.`,
      'Node 22.18 and later read it by themselves. Use a newer Node, or write the config in JavaScript.')
  }
}

function readsTypeScript () {
  return Boolean(/** @type {any} */ (process.features).typescript)
}

/** @param {string} path */
function missingHint (path) {
  const [near] = configsIn(dirname(path))
  if (near) return `There is ${near}: give that name, or create the file.`
  return 'Create it, for example with: module.exports = { functions: { greet: function (data, cb) { cb(null, \'Hello!\') } } }'
}

/** @param {string} path */
function directoryHint (path) {
  const [inside] = configsIn(path)
  return inside ? `Name the file: ${inside}` : `Name the config file in it, such as ${join(path, 'host.config.js')}`
}

/**
 * @param {string} directory
 * @returns {string[]}
 */
function configsIn (directory) {
  try {
    return readdirSync(directory).filter((name) => /^host\.config\.[mc]?[jt]s$/.test(name)).sort().map((name) => join(directory, name))
  } catch {
    return []
  }
}

/**
 * What TypeScript and Babel compiled to CommonJS is an ES module one level down.
 * @param {Record<string, any>} exported
 * @returns {Record<string, any>}
 */
function moduleOf (exported) {
  return exported.default?.__esModule ? exported.default : exported
}

/**
 * module.exports or `export default`.
 * @param {Record<string, any>} exported
 * @returns {Record<string, any>}
 */
function defaultExport (exported) {
  return isObject(exported.default) && !Array.isArray(exported.default) ? exported.default : {}
}

/**
 * The names of a CommonJS file that Node also shows as exports are properties of its default export already.
 * @param {Record<string, any>} exported
 * @param {Record<string, any>} main
 */
function namedExports (exported, main) {
  const names = Object.keys(exported).filter((name) => !['default', 'module.exports', '__esModule'].includes(name) && !Object.hasOwn(main, name))
  return Object.fromEntries(names.map((name) => [name, exported[name]]))
}

/** @param {Record<string, any>} named */
function withoutFunctions (named) {
  return Object.fromEntries(Object.entries(named).filter(([name, value]) => RESERVED.has(name) || typeof value !== 'function'))
}

/**
 * @param {Record<string, any>} raw
 * @param {Record<string, any>} main
 * @param {Record<string, any>} named
 * @param {string} file
 */
function findFunctions (raw, main, named, file) {
  /** @type {Record<string, Function>} */
  const functions = Object.create(null)
  const listed = raw.functions ?? null
  if (listed === null) Object.assign(functions, exportedFunctions(main))
  else copyListed(functions, listed, file)
  for (const [name, fn] of Object.entries(exportedFunctions(named))) {
    if (functions[name] !== undefined && functions[name] !== fn) {
      throw new ConfigError('JS_HOST_FUNCTION_DUPLICATE', `A function has already been defined with the name "${name}", in ${file}.`,
        'It is in `functions` and exported by name as well: keep one of the two.')
    }
    functions[name] = fn
  }
  return functions
}

/**
 * @param {Record<string, any>} object
 * @returns {Record<string, Function>}
 */
function exportedFunctions (object) {
  const entries = Object.entries(object).filter(([name, value]) => typeof value === 'function' && !RESERVED.has(name) && !isClass(value))
  return Object.fromEntries(entries)
}

/**
 * @param {Record<string, Function>} functions
 * @param {any} listed
 * @param {string} file
 */
function copyListed (functions, listed, file) {
  if (!isObject(listed) || Array.isArray(listed) || listed instanceof Map) {
    throw new ConfigError('JS_HOST_FUNCTIONS', `\`functions\` in ${file} must be an object of names and functions, but it is ${shown(listed)}.`,
      'Write functions: { greet: function (data, cb) { cb(null, …) } }')
  }
  for (const name of Object.keys(listed)) {
    const fn = listed[name]
    if (typeof fn !== 'function' || isClass(fn)) {
      const what = typeof fn === 'function' ? 'a class' : shown(fn)
      throw new ConfigError('JS_HOST_NOT_A_FUNCTION', `functions.${name} in ${file} must be a function, but it is ${what}.`,
        `Write ${name}: function (data, cb) { cb(null, …) }, or ${name}: (data) => …, or leave it out of \`functions\`.`)
    }
    functions[name] = fn
  }
}

/**
 * @param {Record<string, any>} exported
 * @param {string} file
 */
function nothingExported (exported, file) {
  const main = exported.default
  return new ConfigError('JS_HOST_CONFIG_EMPTY', `Config file does not export an object with functions. "${file}"`,
    `It exports ${described(exported.default)}. Write module.exports = { functions: { name: … } }, or \`export function name (data) { … }\`.`)
}

/** What a config exports in place of an object with functions. @param {any} main */
function described (main) {
  if (typeof main === 'function') return 'one function without a name that Python could call'
  if (typeof main?.then === 'function') return 'a promise, which nobody awaits'
  return main === undefined || (isObject(main) && Object.keys(main).length === 0) ? 'nothing' : shown(main)
}

/**
 * @template T
 * @param {Record<string, any>} raw
 * @param {string} name
 * @param {string} file
 * @param {(value: any) => boolean} valid
 * @param {string} expected
 * @returns {T}
 */
function checked (raw, name, file, valid, expected) {
  if (raw[name] === undefined) raw[name] = /** @type {any} */ (DEFAULTS)[name]
  if (valid(raw[name])) return raw[name]
  throw new ConfigError('JS_HOST_CONFIG_VALUE', `\`${name}\` in ${file} must be ${expected}, but it is ${shown(raw[name])}.`,
    `Correct \`${name}\`, or leave it out.`)
}

/** @param {unknown} value */
function isText (value) {
  return typeof value === 'string' && value !== ''
}

/** @param {unknown} value */
export function isPort (value) {
  const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65535
}

/** @param {unknown} value */
function isSize (value) {
  const size = toBytes(value)
  return Number.isInteger(size) && size > 0 && size <= LARGEST
}

/** @param {unknown} value */
function isCount (value) {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1
}

/** @param {unknown} value */
function isDuration (value) {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}

/** @param {unknown} value */
function isNames (value) {
  return Array.isArray(value) && value.every(isText)
}

/** @param {any} value */
function isLogger (value) {
  return value === null || (isObject(value) && typeof value.info === 'function' && typeof value.error === 'function')
}

/** @param {unknown} value */
function isOptionalFunction (value) {
  return value === undefined || value === null || typeof value === 'function'
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
function isObject (value) {
  return typeof value === 'object' && value !== null
}

/** @param {Function} fn */
function isClass (fn) {
  return /^class\b/.test(Function.prototype.toString.call(fn))
}

/** @param {unknown} value */
function shown (value) {
  return `${util().inspect(value, { depth: 0, breakLength: Infinity }).slice(0, 80)} (${value === null ? 'null' : typeof value})`
}
