/**
 * The default logger, and the console of a worker: levels of console, one call one record.
 */

import { appendFileSync } from 'node:fs'
import { util } from './util.mjs'

/** @typedef {(level: string, text: string) => void} Write */
/** @typedef {Record<'log' | 'info' | 'debug' | 'warn' | 'error' | 'trace', (...args: unknown[]) => void>} Logger */

/** What each method of console means as a level. */
const LEVELS = /** @type {const} */ ({ log: 'info', info: 'info', debug: 'debug', warn: 'warn', error: 'error', trace: 'debug' })

/**
 * @param {Write} [write]
 * @returns {Logger}
 */
export function createLogger (write = writeToConsole) {
  const entries = Object.entries(LEVELS)
    .map(([method, level]) => [method, (/** @type {unknown[]} */ ...args) => write(level, util().format(...args))])
  return Object.fromEntries(entries)
}

/**
 * Through the console, so that whoever has captured it has the log as well.
 * @type {Write}
 */
function writeToConsole (level, text) {
  const method = /** @type {'info' | 'debug' | 'warn' | 'error'} */ (level)
  console[method](text)
}

/**
 * Adds a line with time and level to the file. A full disk costs the line, never the call.
 * @param {string} file
 * @returns {Write}
 */
export function writeToFile (file) {
  appendFileSync(file, '') // a path that can not be written is an error now, not in the middle of a call
  return (level, text) => {
    try {
      appendFileSync(file, `${new Date().toISOString()} ${level}: ${text}\n`)
    } catch {}
  }
}

/**
 * The same methods, each call also written by `write`. Whatever else the logger offers stays.
 * @param {Logger} logger
 * @param {Write} write
 * @returns {Logger}
 */
export function alsoWrite (logger, write) {
  const also = Object.create(logger)
  for (const [method, level] of Object.entries(LEVELS)) {
    const original = /** @type {any} */ (logger)[method]
    also[method] = (/** @type {unknown[]} */ ...args) => {
      write(level, util().format(...args))
      original?.apply(logger, args)
    }
  }
  return also
}

/** Methods of console that print; what is not a level of its own is 'info', save these. */
const PRINTING = [
  ...Object.keys(LEVELS), 'dir', 'dirxml', 'table', 'assert', 'count', 'countReset', 'group', 'groupCollapsed', 'groupEnd',
  'time', 'timeEnd', 'timeLog'
]
const OTHER_LEVELS = { assert: 'warn', countReset: 'warn' }

/**
 * Makes every method of the global console hand its text to `write`, which keeps groups, tables and timers as Node prints them.
 * @param {Write} write
 * @param {() => boolean} [admit] whether a line is wanted, asked before one is put into words
 * @returns {() => void} puts the methods back
 */
export function captureConsole (write, admit = () => true) {
  let level = 'info'
  /** @type {any} */
  let inner
  const target = /** @type {any} */ (console)
  const before = PRINTING.map((method) => [method, target[method]])
  const levels = /** @type {Record<string, string>} */ ({ ...LEVELS, ...OTHER_LEVELS })
  for (const method of PRINTING) {
    target[method] = (/** @type {unknown[]} */ ...args) => {
      if (method in LEVELS && !admit()) return
      level = levels[method] ?? 'info'
      inner ??= consoleTo((text) => write(level, text))
      return inner[method](...args)
    }
  }
  return () => { for (const [method, original] of before) target[method] = original }
}

/**
 * A console whose lines go to `write`.
 * @param {(text: string) => void} write
 */
function consoleTo (write) {
  const sink = { write: (/** @type {string} */ text) => write(text.replace(/\n$/, '')) }
  const stream = /** @type {NodeJS.WritableStream} */ (/** @type {unknown} */ (sink))
  return new console.Console({ stdout: stream, stderr: stream, ignoreErrors: false, colorMode: false })
}
