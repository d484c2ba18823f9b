/**
 * A start that failed, told as a short story: what, in which file, on which line, the code there, and what to do next.
 */

import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeError } from './errors.mjs'
import { setImmediate } from './originals.mjs'
import { missingModule } from './packages.mjs'
import { RUNTIME_PATH, isOurs } from './place.mjs'

/** A line of a stack. */
const CALL = /^ +at .+$/gm

/**
 * @typedef {object} StartError
 * @property {string} name
 * @property {string} message
 * @property {string} stack
 * @property {string | null} code
 * @property {string | null} hint
 * @property {string | null} file
 * @property {number | null} line
 * @property {string | null} frame the lines around it, with a mark
 */

/** @typedef {{file: string, line: number, column: number}} Place the column counts from 1; 0 where it is not known */

/**
 * @param {unknown} thrown
 * @param {string} configFile
 * @returns {Promise<StartError>}
 */
export async function tellStart (thrown, configFile) {
  const described = describeError(thrown)
  const missing = missingModule(thrown, configFile)
  const compiled = compilerPlace(described.message)
  const place = compiled ?? (missing ? placeOfText(missing.importer, missing.specifier) : await placeOf(thrown, described))
  const { name, message, stack, fields } = described
  return {
    name,
    message: [message, ...behind(described)].join('\n'),
    stack: compiled ? `${name}: ${message}` : withoutOurs(stack),
    code: typeof fields.code === 'string' ? fields.code : null,
    hint: missing?.hint ?? described.hint ?? (place ? correction(name, message) : null),
    file: place?.file ?? missing?.importer ?? null,
    line: place?.line ?? null,
    frame: place ? frameOf(place) : null
  }
}

/**
 * What is behind an error, a line each: "fetch failed" alone says nothing.
 * @param {import('./errors.mjs').Described} error
 * @returns {string[]}
 */
function behind ({ cause, fields }) {
  const held = /** @type {import('./errors.mjs').Described[]} */ (Array.isArray(fields.errors) ? fields.errors : [])
  const errors = cause === null ? held : [cause, ...held]
  return errors.flatMap((error) => [`Behind it: ${error.name}: ${error.message}`, ...behind(error)])
}

/**
 * What breaks the grammar is often found a line too late.
 * @param {string} name
 * @param {string} message
 */
function correction (name, message) {
  const isLate = name === 'SyntaxError' && /^(Unexpected|Invalid or unexpected|missing) (?!.* JSON)/.test(message)
  return isLate ? 'Correct the code there or just before: a comma, a bracket or a quote may be missing, or be one too many.' : 'Correct the code there.'
}

/**
 * The story as text, for a terminal.
 * @param {StartError} error
 */
export function formatStartError (error) {
  const parts = [error.name === 'ConfigError' ? error.message : `${error.name}: ${error.message}`]
  if (error.file) parts.push(error.line ? `${error.file}:${error.line}` : error.file)
  if (error.frame) parts.push(error.frame)
  const calls = error.stack.match(CALL) ?? []
  if (calls.length > 1) parts.push(calls.join('\n'))
  if (error.hint) parts.push(error.hint)
  return parts.join('\n\n') + '\n'
}

/**
 * The stack without the calls inside Node and this library.
 * @param {string} stack
 */
function withoutOurs (stack) {
  const ours = (/** @type {string} */ line) => /^ +at /.test(line) && (/\bnode:|<anonymous>\)?$/.test(line) || isOurs(line))
  return stack.split('\n').filter((line) => !ours(line)).join('\n')
}

/**
 * Three lines before, one after, and a mark under the column.
 * @param {string} source
 * @param {number} line counted from 1
 * @param {number} [column] counted from 1; 0 for none
 */
export function codeFrame (source, line, column = 0) {
  const lines = source.split(/\r?\n/)
  const first = Math.max(1, line - 3)
  const last = Math.min(lines.length, line + 1)
  const width = String(last).length
  const out = []
  for (let n = first; n <= last; n++) {
    out.push(`${n === line ? '>' : ' '} ${String(n).padStart(width)} | ${lines[n - 1].slice(0, 200)}`.trimEnd())
    if (n === line && column > 0) out.push(`  ${' '.repeat(width)} | ${indent(lines[n - 1], column)}^`)
  }
  return out.join('\n')
}

/**
 * Tabs stay tabs, so that the mark stands under its column.
 * @param {string} line
 * @param {number} column
 */
function indent (line, column) {
  return line.slice(0, Math.min(column - 1, 200)).replace(/[^\t]/g, ' ')
}

/**
 * @param {unknown} thrown
 * @param {{stack: string, name: string}} described
 * @returns {Promise<Place | null>}
 */
async function placeOf (thrown, { stack, name }) {
  if (name === 'ConfigError') return null
  const parsing = thrown instanceof SyntaxError && /^ +at .*$/m.exec(stack)?.[0].includes('node:internal')
  return headPlace(stack) ?? (parsing ? headPlace(await decoratedStack(thrown)) : null) ?? stackPlace(stack)
}

/**
 * What esbuild, and so tsx and Vite, could not compile: the place is in its message, and its stack leads into the compiler.
 * @param {string} message
 * @returns {Place | null}
 */
function compilerPlace (message) {
  const match = /^(.+):(\d+):(\d+): ERROR: /m.exec(message)
  return match && { file: resolve(match[1]), line: Number(match[2]), column: Number(match[3]) + 1 }
}

/**
 * Node knows file and line of a syntax error in an ES module, but keeps them in a private place until it prints the error as uncaught.
 * The REPL's way of printing is the one public door: it writes them into the head of `stack`. Seen to work on Node 20 to 26;
 * where it does not, the story has no line and is otherwise whole.
 * @param {SyntaxError} error
 * @returns {Promise<string>}
 */
async function decoratedStack (error) {
  try {
    await printInRepl(error)
  } catch {}
  return String(error.stack)
}

/** @param {Error} error */
async function printInRepl (error) {
  const { start } = await import('node:repl')
  const { PassThrough } = await import('node:stream')
  const input = new PassThrough()
  const output = new PassThrough().resume()
  const repl = start({ input, output, prompt: '', terminal: false, eval: (_command, _context, _file, done) => done(error, null) })
  const printed = new Promise((resolve) => repl.once('line', () => setImmediate(resolve)))
  input.write('0\n')
  await printed
  repl.close()
}

/**
 * `file:line`, the code and a row of ^: what V8 writes before the stack of a syntax error.
 * @param {string} stack
 * @returns {Place | null}
 */
function headPlace (stack) {
  const [first, ...rest] = stack.split('\n', 8)
  const match = /^(file:\/\/.+|\/.+|[A-Za-z]:\\.+):(\d+)$/.exec(first)
  if (!match) return null
  const mark = rest.find((line) => /^\s*\^+\s*$/.test(line)) ?? ''
  return { file: pathOf(match[1]), line: Number(match[2]), column: mark.indexOf('^') + 1 }
}

/**
 * The innermost line of the user's own code; of a package, if there is no other.
 * @param {string} stack
 * @returns {Place | null}
 */
function stackPlace (stack) {
  const places = [...stack.matchAll(/^ +at (?:.*\()?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]+):(\d+):(\d+)\)?$/gm)]
    .map(([, file, line, column]) => ({ file: pathOf(file), line: Number(line), column: Number(column) }))
    .filter(({ file }) => !file.startsWith(RUNTIME_PATH))
  return places.find(({ file }) => !file.includes('node_modules')) ?? places[0] ?? null
}

/**
 * Where the file asks for the module. Node resolves relative paths before it complains, so the end of the path has to do.
 * @param {string | null} file
 * @param {string} specifier
 * @returns {Place | null}
 */
function placeOfText (file, specifier) {
  if (!file) return null
  const path = /^[/\\]|^file:/.test(specifier)
  const name = escape(path ? basename(specifier) : specifier)
  const pattern = new RegExp(path ? `${name}(?=['"\`])` : `(?<=['"\`])${name}(?=['"\`/])`)
  const lines = read(file).split(/\r?\n/)
  const index = lines.findIndex((line) => pattern.test(line))
  return index < 0 ? null : { file, line: index + 1, column: lines[index].search(pattern) + 1 }
}

/**
 * RegExp.escape, which Node 20 and 22 do not have.
 * @param {string} text
 */
function escape (text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

/** @param {Place} place */
function frameOf ({ file, line, column }) {
  const source = read(file)
  return source && line <= source.split('\n').length ? codeFrame(source, line, column) : null
}

/** @param {string} file */
function read (file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** @param {string} file */
function pathOf (file) {
  try {
    return file.startsWith('file:') ? fileURLToPath(file.replace(/[?#].*$/, '')) : file
  } catch {
    return file
  }
}
