// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const node_url = require('node:url');
const types = require('node:util/types');
const node_buffer = require('node:buffer');
const node_worker_threads = require('node:worker_threads');

/**
 * What to do next about an error: the words of Node that newcomers meet most, each with its cure.
 *
 * `hintFor` looks at the error only; what needs the disk (which package.json, which lockfile) is in packages.mjs and is
 * asked for at a failed start alone.
 */

const TYPESCRIPT = 'Node 22.18 and later read TypeScript by themselves (22.6 with --experimental-strip-types). ' +
  'Use a newer Node, or compile the file to JavaScript first.';

const NOT_INSTALLED = 'Where that file is, no such package is installed. Run `npm install` with its name there; `npm ci`, if package.json lists it.';

/**
 * Each rule: the code or name that an error must have, what its message must match, and the hint.
 * @type {Array<[string, RegExp, string]>}
 */
const RULES = [
  ['ReferenceError', /^(require|module|exports|__dirname|__filename) is not defined/,
    'The file is loaded as an ES module, where this name does not exist. Rename it to .cjs (or take "type": "module" out of its ' +
    'package.json), or write `import` and `export`, and `import.meta.dirname`.'],
  ['ReferenceError', /^(window|document|localStorage|sessionStorage|location|self|HTMLElement|matchMedia|requestAnimationFrame) is not defined/,
    'This is code for a browser, and Node has no page. Use it only inside an effect or an event handler (useEffect, onMounted, onMount), ' +
    "guard it with `typeof window !== 'undefined'`, or choose the package's build for the server."],
  ['SyntaxError', /^(Cannot use import statement outside a module|Unexpected token 'export')/,
    'The file is loaded as CommonJS. Rename it to .mjs (or write "type": "module" in its package.json), or use `require` and `module.exports`.'],
  ['SyntaxError', /^Unexpected token '<', .+ is not valid JSON$/s,
    'What was to be JSON begins like a page of HTML: look at what the server, or the file, really says.'],
  ['SyntaxError', /^Unexpected token '<'$/,
    'Node does not read JSX. Compile the file first, for example with esbuild (`npx esbuild page.jsx --bundle --platform=node --outfile=page.cjs`).'],
  ['SyntaxError', /^Unexpected token ':'$/, 'Correct the code there. If it is TypeScript, name the file .ts: Node 22.18 and later read that.'],
  ['SyntaxError', /\.[mc]?ts' does not provide an export named/,
    'Compare the name with what the module exports. If it is a type, say so, as Node does not see it: `import type { … }`.'],
  ['SyntaxError', /does not provide an export named/,
    'Compare the name with what the module exports. A CommonJS package may have its default export only: `import all from \'…\'; const { name } = all`.'],
  ['ERR_UNKNOWN_FILE_EXTENSION', /"\.[mc]?ts"/, TYPESCRIPT],
  ['ERR_UNKNOWN_FILE_EXTENSION', /"\.(tsx|jsx|vue|svelte)"/,
    'Node does not read this kind of file. Compile or bundle it for Node first (esbuild, Vite with `build.ssr`), and import the result.'],
  ['ERR_UNKNOWN_FILE_EXTENSION', /"\.(css|scss|sass|less|svg|png|jpe?g|gif|woff2?)"/,
    'Node can not import styles or images. Bundle the code for Node first (esbuild, Vite with `build.ssr`), or take the import out of what runs on the server.'],
  ['ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', /./,
    'Node only takes types away: enums, namespaces and parameter properties need a compiler, or --experimental-transform-types.'],
  ['MODULE_NOT_FOUND', /^Cannot find module '(?![./]|node:)/, NOT_INSTALLED],
  ['ERR_MODULE_NOT_FOUND', /^Cannot find package /, NOT_INSTALLED],
  ['ERR_INVALID_PACKAGE_CONFIG', /./, 'That package.json is not JSON. Correct it: JSON has no comments, and no comma before a closing bracket.'],
  ['ERR_REQUIRE_ESM', /./, 'The package is an ES module. Load it with `await import(…)`, or make the config an ES module (host.config.mjs).'],
  ['ERR_REQUIRE_ASYNC_MODULE', /./,
    'The module waits at its top level (`await`), so `require` can not load it. Use `import`, or `await import(…)`.'],
  ['ERR_IMPORT_ATTRIBUTE_MISSING', /json/i, "Write `import data from './file.json' with { type: 'json' }`."],
  ['ERR_PACKAGE_PATH_NOT_EXPORTED', /./, "The package does not offer this path. Look at \"exports\" in its package.json for those it does."],
  ['ERR_UNSUPPORTED_DIR_IMPORT', /./, 'ES modules name the file: write `/index.js` after the directory.'],
  ['ERR_DLOPEN_FAILED', /NODE_MODULE_VERSION|different Node\.js version/,
    'The package was built for another Node. Run `npm rebuild` with the Node that runs here.'],
  ['ERR_OSSL_EVP_UNSUPPORTED', /./, 'A tool asks for a hash that OpenSSL 3 has switched off. Update the tool.'],
  ['ERR_ACCESS_DENIED', /./,
    'Node runs with --permission. Allow what is needed, in NODE_ARGS or with --node-arg, for example --allow-fs-read=/path/of/the/project/*'],
  ['EADDRINUSE', /./, 'Another program listens there. Stop it, or choose another port.'],
  ['EADDRNOTAVAIL', /./, 'This machine has no such address. Use one of its own, 127.0.0.1 for this machine only.'],
  ['ENOENT', /, \w+ '(?!\/|[A-Za-z]:)[^']/,
    'A relative path starts where the program was started, not at the file that names it: write `path.join(__dirname, …)`, or `import.meta.dirname`.'],
  ['EACCES', /permission denied, /, 'The user that runs this may not touch that file. Correct its rights (chmod, chown), or run as a user who may.'],
  ['EACCES', /^listen/, 'Ports below 1024 need rights that this user does not have. Choose another port.']
];

/**
 * @param {Error} error
 * @returns {string | undefined}
 */
function hintFor (error) {
  try {
    const { name, message, code, hint } = /** @type {any} */ (error);
    if (typeof hint === 'string') return hint
    if (name === 'Error' && code === undefined) return undefined
    const rule = RULES.find(([key, pattern]) => (key === code || key === name) && pattern.test(message));
    return rule?.[2]
  } catch {
    return undefined
  }
}

// Where this runtime is: its own lines are not the user's, in a stack or among what was loaded.


/** The directory, as a URL. Stacks name ES modules so. */
const RUNTIME_URL = new URL('.', require('node:url').pathToFileURL(__dirname).href).href;

/** The directory, as a path. Stacks name the bundle so. */
const RUNTIME_PATH = node_url.fileURLToPath(RUNTIME_URL);

/** Whether a line speaks of a file of this runtime. @param {string} line */
function isOurs (line) {
  return line.includes(RUNTIME_PATH) || line.includes(RUNTIME_URL)
}

// node:util, loaded when it is first used: an import of it takes milliseconds of a worker's start, and most never need it.

/** @returns {typeof import('node:util')} */
function util () {
  return process.getBuiltinModule('node:util')
}

/**
 * What a function threw, made ready to cross: always a description, whatever was thrown.
 *
 * JavaScript throws anything: strings, null, proxies, errors whose getters throw. Every read here is guarded, every text and
 * list has a bound, so that describing an error can not itself fail or flood the wire.
 */


/** What to do about a value that is no Error, of which nobody knows where it was thrown. */
const NO_ERROR = 'What was thrown is no Error, so there is no stack: write `throw new Error(…)`.';

const MAX_TEXT = 65536;
const MAX_DEPTH$2 = 8;
const MAX_ERRORS = 16;

/**
 * @typedef {object} Described
 * @property {'error'} type
 * @property {string} name
 * @property {string} message
 * @property {string} stack
 * @property {Described | null} cause
 * @property {Record<string, unknown>} fields own enumerable properties that JSON can say
 * @property {unknown} [value] what was thrown, if that was no Error
 * @property {string} [hint] what to do next, where that is known
 * @property {number} [fault] the question to the program whose exception is behind it
 */

/** The config file, or what it holds, is wrong: `hint` says what to write. */
class ConfigError extends Error {
  /**
   * @param {string} code stable, for programs
   * @param {string} message
   * @param {string} hint
   */
  constructor (code, message, hint) {
    super(message);
    this.name = 'ConfigError';
    this.code = code;
    this.hint = hint;
  }
}

/** Stands for something that is no Error where one is needed. It keeps the stack of the place that handed it over. */
class ThrownValue extends Error {
  /** @param {unknown} value */
  constructor (value) {
    super(textOf(value));
    this.name = 'Error';
    Object.defineProperty(this, 'value', { value });
  }
}

/**
 * @param {unknown} thrown
 * @returns {Error}
 */
function asError (thrown) {
  return isError(thrown) ? thrown : new ThrownValue(thrown)
}

/**
 * Errors of other realms (`node:vm`, jsdom) count too.
 * @param {unknown} thrown
 * @returns {thrown is Error}
 */
function isError (thrown) {
  try {
    return types.isNativeError(thrown) || thrown instanceof Error
  } catch {
    return false
  }
}

/**
 * A start that failed, with file, line and code. Loaded when it is needed only.
 * @param {unknown} thrown
 * @param {string} configFile
 * @returns {Promise<import('./start_error.mjs').StartError>}
 */
async function startError (thrown, configFile) {
  const { tellStart } = await Promise.resolve().then(() => (require.cache[__filename] = module, require('./start_error.cjs')));
  return tellStart(thrown, configFile)
}

/**
 * @param {unknown} thrown
 * @returns {Described}
 */
function describeError (thrown) {
  const described = describe(thrown, 1, new Set());
  const hint = isError(thrown) ? hintFor(thrown) : NO_ERROR;
  if (hint) described.hint = hint;
  return described
}

/**
 * @param {unknown} thrown
 * @param {number} depth
 * @param {Set<unknown>} seen
 * @returns {Described}
 */
function describe (thrown, depth, seen) {
  if (!isError(thrown)) return describeValue(thrown)
  seen.add(thrown);
  const name = stringOf(read(thrown, 'name')) || 'Error';
  const message = stringOf(read(thrown, 'message'));
  const stack = ownFrames(stringOf(read(thrown, 'stack'))) || `${name}: ${message}`;
  const cause = describeCause(thrown, depth, seen);
  /** @type {Described} */
  const described = { type: 'error', name, message, stack, cause, fields: fieldsOf(thrown, depth, seen) };
  if (thrown instanceof ThrownValue) described.value = jsonOf(read(thrown, 'value')) ?? null;
  return described
}

/**
 * @param {unknown} value
 * @returns {Described}
 */
function describeValue (value) {
  const message = textOf(value);
  return { type: 'error', name: 'Error', message, stack: `Error: ${message}`, cause: null, fields: {}, value: jsonOf(value) ?? null }
}

/**
 * @param {Error} error
 * @param {number} depth
 * @param {Set<unknown>} seen
 * @returns {Described | null}
 */
function describeCause (error, depth, seen) {
  const cause = read(error, 'cause');
  if (cause === undefined || cause === null || depth > MAX_DEPTH$2 || seen.has(cause)) return null
  return describe(cause, depth + 1, seen)
}

/**
 * @param {Error} error
 * @param {number} depth
 * @param {Set<unknown>} seen
 * @returns {Record<string, unknown>}
 */
function fieldsOf (error, depth, seen) {
  /** @type {Record<string, unknown>} */
  const fields = Object.create(null);
  for (const key of keysOf(error)) {
    if (key === 'name' || key === 'message' || key === 'stack' || key === 'cause') continue
    const value = jsonOf(read(error, key));
    if (value !== undefined) fields[key] = value;
  }
  const errors = depth <= MAX_DEPTH$2 ? firstOf(read(error, 'errors')) : null;
  if (errors !== null) fields.errors = errors.filter((one) => !seen.has(one)).map((one) => describe(one, depth + 1, seen));
  return fields
}

/** @param {unknown} errors @returns {unknown[] | null} */
function firstOf (errors) {
  try {
    return Array.isArray(errors) ? Array.from(errors).slice(0, MAX_ERRORS) : null
  } catch {
    return null
  }
}

/** @param {object} object */
function keysOf (object) {
  try {
    return Object.keys(object)
  } catch {
    return []
  }
}

/**
 * @param {unknown} object
 * @param {string} key
 * @returns {unknown}
 */
function read (object, key) {
  try {
    return /** @type {any} */ (object)[key]
  } catch {
    return undefined
  }
}

/**
 * A copy that JSON can say, or undefined: for functions, circular objects, hostile getters and whatever is too long.
 * @param {unknown} value
 * @returns {unknown}
 */
function jsonOf (value) {
  if (typeof value === 'bigint') return String(value)
  try {
    const text = JSON.stringify(value);
    return text === undefined || text.length > MAX_TEXT ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * The user's part of a stack: down to where this runtime called the function, without the calls of this runtime on top where that made the error.
 * What lies below says nothing about it.
 * @param {string} stack
 */
function ownFrames (stack) {
  const lines = stack.split('\n');
  const first = lines.findIndex(isFrame);
  const top = lines.findIndex((line, at) => at >= first && !isOurFrame(line));
  const border = lines.findIndex((line, at) => at >= top && isOurFrame(line));
  if (first < 0 || (border < 0 && top === first)) return stack
  const frames = top < 0 ? [] : lines.slice(top, border < 0 ? undefined : border);
  const isNodes = top !== first && frames.every((line) => line.includes('node:'));
  return [...lines.slice(0, first), ...isNodes ? [] : frames].join('\n')
}

/** @param {string} line */
function isFrame (line) {
  return line.startsWith('    at ')
}

/** @param {string} line */
function isOurFrame (line) {
  return isFrame(line) && isOurs(line)
}

/** @param {unknown} value */
function stringOf (value) {
  return typeof value === 'string' ? bounded$1(value) : ''
}

/**
 * What was thrown, in words for a person.
 * @param {unknown} value
 */
function textOf (value) {
  if (typeof value === 'string') return bounded$1(value)
  try {
    return bounded$1(util().inspect(value, { customInspect: false, getters: false, depth: 2 }))
  } catch {
    return `a value of type ${typeof value} that can not be shown`
  }
}

/** @param {string} text */
function bounded$1 (text) {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length - MAX_TEXT} more characters)`
}

const errors = /*#__PURE__*/Object.freeze(/*#__PURE__*/Object.defineProperty({
  __proto__: null,
  ConfigError,
  ThrownValue,
  asError,
  describeError,
  hintFor,
  isError,
  ownFrames,
  startError
}, Symbol.toStringTag, { value: 'Module' }));

/**
 * Reads a host.config.js, in CommonJS, ES modules or TypeScript, and checks it at the door.
 */


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
};

/** Exports that are never taken for functions to call. */
const RESERVED = new Set(['default', 'module.exports', '__esModule', 'functions', 'extendHost', 'warmup', ...Object.keys(DEFAULTS)]);

const LARGEST = 0xffffffff; // what the length of a frame can say

/**
 * @param {string} file
 * @returns {Promise<Config>}
 */
async function loadConfig (file) {
  const path$1 = path.resolve(file);
  checkFile(path$1);
  const exported = await import(node_url.pathToFileURL(path$1).href);
  return readConfig(exported, path$1)
}

/**
 * @param {Record<string, any>} exported the module's namespace
 * @param {string} file
 * @returns {Config}
 */
function readConfig (exported, file) {
  const module = moduleOf(exported);
  const main = defaultExport(module);
  const named = namedExports(module, main);
  if (Object.keys(main).length + Object.keys(named).length === 0) throw nothingExported(exported, file)
  const raw = { ...DEFAULTS, ...main, ...withoutFunctions(named) };
  const config = {
    functions: findFunctions(raw, main, named, file),
    address: checked(raw, 'address', file, isText, "an address to listen at, such as '127.0.0.1'"),
    port: Number(checked(raw, 'port', file, isPort, 'a whole number from 0 to 65535')),
    requestDataLimit: toBytes(checked(raw, 'requestDataLimit', file, isSize, "a size up to 4gb, such as '10mb', '512kb' or a number of bytes")),
    disconnectTimeout: checked(raw, 'disconnectTimeout', file, isDuration, 'a number of milliseconds, 0 or more'),
    maxConnections: checked(raw, 'maxConnections', file, isCount, 'a whole number from 1'),
    allowedHosts: checked(raw, 'allowedHosts', file, isNames, "a list of host names, such as ['js-host.internal']"),
    logger: checked(raw, 'logger', file, isLogger, 'null, or an object with the methods of console (info and error at least)')
  };
  const extendHost = checked(raw, 'extendHost', file, isOptionalFunction, 'a function that takes the host') ?? null;
  const warmup = checked(raw, 'warmup', file, isOptionalFunction, 'a function that takes the host') ?? null;
  return { file, ...config, extendHost, warmup, raw: Object.assign(raw, config) }
}

/**
 * '10mb' → 10485760.
 * @param {unknown} size
 * @returns {number} NaN where it is not a size
 */
function toBytes (size) {
  if (typeof size === 'number') return size
  const match = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?$/i.exec(String(size).trim());
  if (!match) return NaN
  const unit = /** @type {'b' | 'kb' | 'mb' | 'gb'} */ ((match[2] ?? 'b').toLowerCase());
  return Math.floor(Number(match[1]) * { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }[unit])
}

/** @param {string} path */
function checkFile (path$1) {
  const stats = fs.statSync(path$1, { throwIfNoEntry: false });
  if (!stats) throw new ConfigError('JS_HOST_CONFIG_MISSING', `There is no config file ${path$1}.`, missingHint(path$1))
  if (stats.isDirectory()) throw new ConfigError('JS_HOST_CONFIG_DIRECTORY', `${path$1} is a directory, not a config file.`, directoryHint(path$1))
  if (path.extname(path$1) === '.json') {
    throw new ConfigError('JS_HOST_CONFIG_JSON', `${path$1} is JSON, which can not hold functions.`, 'Write the config in JavaScript, such as host.config.js.')
  }
  if (/^\.[mc]?ts$/.test(path.extname(path$1)) && !readsTypeScript()) {
    throw new ConfigError('JS_HOST_TYPESCRIPT', `This Node (${process.version}) can not read TypeScript: ${path$1}.`,
      'Node 22.18 and later read it by themselves. Use a newer Node, or write the config in JavaScript.')
  }
}

function readsTypeScript () {
  return Boolean(/** @type {any} */ (process.features).typescript)
}

/** @param {string} path */
function missingHint (path$1) {
  const [near] = configsIn(path.dirname(path$1));
  if (near) return `There is ${near}: give that name, or create the file.`
  return 'Create it, for example with: module.exports = { functions: { greet: function (data, cb) { cb(null, \'Hello!\') } } }'
}

/** @param {string} path */
function directoryHint (path$1) {
  const [inside] = configsIn(path$1);
  return inside ? `Name the file: ${inside}` : `Name the config file in it, such as ${path.join(path$1, 'host.config.js')}`
}

/**
 * @param {string} directory
 * @returns {string[]}
 */
function configsIn (directory) {
  try {
    return fs.readdirSync(directory).filter((name) => /^host\.config\.[mc]?[jt]s$/.test(name)).sort().map((name) => path.join(directory, name))
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
  const names = Object.keys(exported).filter((name) => !['default', 'module.exports', '__esModule'].includes(name) && !Object.hasOwn(main, name));
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
  const functions = Object.create(null);
  const listed = raw.functions ?? null;
  if (listed === null) Object.assign(functions, exportedFunctions(main));
  else copyListed(functions, listed, file);
  for (const [name, fn] of Object.entries(exportedFunctions(named))) {
    if (functions[name] !== undefined && functions[name] !== fn) {
      throw new ConfigError('JS_HOST_FUNCTION_DUPLICATE', `A function has already been defined with the name "${name}", in ${file}.`,
        'It is in `functions` and exported by name as well: keep one of the two.')
    }
    functions[name] = fn;
  }
  return functions
}

/**
 * @param {Record<string, any>} object
 * @returns {Record<string, Function>}
 */
function exportedFunctions (object) {
  const entries = Object.entries(object).filter(([name, value]) => typeof value === 'function' && !RESERVED.has(name) && !isClass(value));
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
    const fn = listed[name];
    if (typeof fn !== 'function' || isClass(fn)) {
      const what = typeof fn === 'function' ? 'a class' : shown(fn);
      throw new ConfigError('JS_HOST_NOT_A_FUNCTION', `functions.${name} in ${file} must be a function, but it is ${what}.`,
        `Write ${name}: function (data, cb) { cb(null, …) }, or ${name}: (data) => …, or leave it out of \`functions\`.`)
    }
    functions[name] = fn;
  }
}

/**
 * @param {Record<string, any>} exported
 * @param {string} file
 */
function nothingExported (exported, file) {
  exported.default;
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
  if (raw[name] === undefined) raw[name] = /** @type {any} */ (DEFAULTS)[name];
  if (valid(raw[name])) return raw[name]
  throw new ConfigError('JS_HOST_CONFIG_VALUE', `\`${name}\` in ${file} must be ${expected}, but it is ${shown(raw[name])}.`,
    `Correct \`${name}\`, or leave it out.`)
}

/** @param {unknown} value */
function isText (value) {
  return typeof value === 'string' && value !== ''
}

/** @param {unknown} value */
function isPort (value) {
  const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  return typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65535
}

/** @param {unknown} value */
function isSize (value) {
  const size = toBytes(value);
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

// Frames: the layout of messages as bytes, and the reader that finds them in a stream.
//
// A frame is a header of 16 bytes and a body. docs/protocol.md is the law; _wire/frames.py is the twin.

const HEADER_SIZE = 16;
const HELLO = 0;
const CALL = 1;
const RESULT = 2;
const ERROR$1 = 3;
const BYE = 4;
const CANCEL = 5;
const CHUNK = 6;
const END = 7;
const CREDIT = 8;
const LOG = 9;
const STATUS = 10;
const ASK = 11;
const ANSWER = 12;
const FAULT = 13;
const MAILBOX = 14;
const LOOK = 15;

/** Flag: the body is a table of sizes, JSON with tags, and attachments. */
const RICH = 1;
/** Flag of a call: its result may come in parts. */
const STREAM = 2;
/** Flag of a call: its deadline counts from the moment at which its function starts. */
const PATIENT = 4;

/** How many bytes of a stream's parts may be on their way to who reads them, and what a part counts for at least. */
const WINDOW = 2_097_152;
const LEAST_COST = 65_536;

/** What one read takes at most, unless a larger frame is being filled. */
const READ_SIZE = 64 * 1024;

/** A frame larger than the buffer is read in steps of this size, straight into its place. */
const LARGE_READ = 4 * 1024 * 1024;

/**
 * A string is written without measuring it first. Three bytes a character always suffice, and cost nothing below this
 * length; above it most text is nearly all ASCII, and an eighth more than its length suffices.
 */
const SHORT_TEXT = 700;

/** What `onFrame` returns if the frame, and those behind it, are to wait for the next `received`. */
const HELD = Symbol('held');

/** The bytes are no frame, or one over the limit. The connection can not go on. */
class FrameError extends Error {}

/**
 * Write a frame's header at the start of `bytes`. Bytes by hand: several times faster than a DataView or writeUInt32LE.
 * @param {Uint8Array} bytes @param {number} length @param {number} id @param {number} kind
 * @param {number} [flags] @param {number} [extra]
 */
function writeHeader (bytes, length, id, kind, flags = 0, extra = 0) {
  bytes[0] = length; bytes[1] = length >>> 8; bytes[2] = length >>> 16; bytes[3] = length >>> 24;
  bytes[4] = id; bytes[5] = id >>> 8; bytes[6] = id >>> 16; bytes[7] = id >>> 24;
  bytes[8] = kind; bytes[9] = flags; bytes[10] = 0; bytes[11] = 0;
  bytes[12] = extra; bytes[13] = extra >>> 8; bytes[14] = extra >>> 16; bytes[15] = extra >>> 24;
}

/** @param {Uint8Array} bytes @param {number} at @returns {number} */
function readUint32 (bytes, at) {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0
}

/** The JSON of a RICH body that is nothing but one text, which comes behind it as an attachment. */
const JUST_TEXT = '{"$":["text",0]}';
/** Where that text begins, behind the header: after how many attachments there are, its size, and the JSON. */
const TEXT_AT = 4 + 4 + JUST_TEXT.length;

/**
 * A frame whose body is text.
 * @param {number} id @param {number} kind @param {string} text @param {number} [extra] @returns {Buffer}
 */
function textFrame (id, kind, text, extra = 0) {
  const frame = written(text, HEADER_SIZE);
  writeHeader(frame, frame.length - HEADER_SIZE, id, kind, 0, extra);
  return frame
}

/**
 * A frame whose value is one text, sent as it is: to write it as JSON would take longer than to send it.
 * @param {number} id @param {number} kind @param {string} text @param {number} [extra] @returns {Buffer}
 */
function longTextFrame (id, kind, text, extra = 0) {
  const start = HEADER_SIZE + TEXT_AT;
  const frame = written(text, start);
  writeHeader(frame, frame.length - HEADER_SIZE, id, kind, RICH, extra);
  frame.writeUInt32LE(1, HEADER_SIZE);
  frame.writeUInt32LE(frame.length - start, HEADER_SIZE + 4);
  frame.write(JUST_TEXT, HEADER_SIZE + 8, 'latin1');
  return frame
}

/** A buffer with the text in UTF-8 from `start` to its end. @param {string} text @param {number} start */
function written (text, start) {
  const room = text.length < SHORT_TEXT ? text.length * 3 : text.length + (text.length >>> 3);
  const bytes = Buffer.allocUnsafe(start + room);
  const length = bytes.utf8Write(text, start);
  if (length <= room - 4 || room >= text.length * 3) return bytes.subarray(0, start + length)
  const exact = Buffer.allocUnsafe(start + Buffer.byteLength(text));  // it may not all have fitted: a character takes up to 4 bytes
  exact.utf8Write(text, start);
  return exact
}

/**
 * The parts of a frame with attachments: one buffer up to them, and then each of them as it is.
 * @param {number} id @param {number} kind @param {string} text @param {Uint8Array[]} attachments @param {number} [extra]
 * @returns {Uint8Array[]}
 */
function richFrame (id, kind, text, attachments, extra = 0) {
  const table = 4 + 4 * attachments.length;
  const start = HEADER_SIZE + table;
  const head = Buffer.allocUnsafe(start + Buffer.byteLength(text));
  head.utf8Write(text, start);
  head.writeUInt32LE(attachments.length, HEADER_SIZE);
  let length = head.length - HEADER_SIZE;
  for (let i = 0; i < attachments.length; i++) {
    head.writeUInt32LE(attachments[i].byteLength, HEADER_SIZE + 4 + 4 * i);
    length += attachments[i].byteLength;
  }
  writeHeader(head, length, id, kind, RICH, extra);
  return [head, ...attachments]
}

/** The bytes of a frame, or of the parts of one, without its header. @param {Buffer | Uint8Array[]} frame */
function bodyLength (frame) {
  if (!Array.isArray(frame)) return frame.length - HEADER_SIZE
  let length = -HEADER_SIZE;
  for (const part of frame) length += part.byteLength;
  return length
}

/**
 * Where the JSON and the attachments of a RICH body are, which lies in bytes[start..end).
 * @param {Buffer} bytes @param {number} start @param {number} end
 * @returns {{start: number, end: number, attachments: Buffer[]}}
 */
function splitRich (bytes, start, end) {
  const count = end - start < 4 ? Infinity : readUint32(bytes, start);
  const text = start + 4 + 4 * count;
  if (!(text <= end)) throw new FrameError('The table of attachments is longer than its frame.')
  let total = 0;
  for (let i = 0; i < count; i++) total += readUint32(bytes, start + 4 + 4 * i);
  let at = end - total;
  if (at < text) throw new FrameError('The attachments are longer than their frame.')
  const part = { start: text, end: at, attachments: new Array(count) };
  for (let i = 0; i < count; i++) {
    const size = readUint32(bytes, start + 4 + 4 * i);
    part.attachments[i] = bytes.subarray(at, at + size);
    at += size;
  }
  return part
}

/**
 * Finds frames in a stream of bytes, read in place.
 *
 * Ask `getBuffer()` where the next bytes go, put them there, and tell `received(n)`, which gives each
 * frame that is complete to `onFrame(bytes, at, length, owned)`: its header is at `at`, `owned` says that the
 * bytes are this frame's alone and may be kept. A frame over `limit` is refused by its header. `onFrame` may return HELD
 * for a frame that is not the first: it is given again by the next `received(n)`, which may be `received(0)`.
 */
class FrameReader {
  /**
   * @param {(bytes: Buffer, at: number, length: number, owned: boolean) => unknown} onFrame
   * @param {number} limit
   */
  constructor (onFrame, limit) {
    this.onFrame = onFrame;
    this.limit = limit;
    this.buffer = Buffer.allocUnsafeSlow(READ_SIZE);
    this.start = 0;
    this.end = 0;
    /** Whether frames that have come wait for the next `received`. */
    this.isHeld = false;
    /** @type {Buffer | null} the large frame being filled */
    this.large = null;
    this.filled = 0;
  }

  /** Whether part of a frame has come, and its rest not. */
  get isPartial () {
    return !this.isHeld && (this.end !== this.start || this.large !== null)
  }

  /** Where the next bytes of the stream are to be written, as many as there are up to its length. */
  getBuffer () {
    if (this.large !== null) return this.large.subarray(this.filled, this.filled + LARGE_READ)
    if (this.start > 0) this.#compact();
    return this.end === 0 ? this.buffer : this.buffer.subarray(this.end)
  }

  /** Bytes that came before the first read: `received(0)` takes them up. @param {Buffer} bytes fewer than READ_SIZE */
  begin (bytes) {
    this.end = bytes.copy(this.buffer);
  }

  #compact () {
    this.buffer.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
  }

  /** @param {number} count how many bytes were written into the buffer; with 0, the next ones still go where they were to go */
  received (count) {
    if (this.large !== null) return this.#receivedLarge(count)
    const have = this.end + count;
    const { buffer } = this;
    let at = this.start;
    this.isHeld = false;
    while (have - at >= HEADER_SIZE) {
      const length = readUint32(buffer, at);
      if (length > this.limit) throw new FrameError(`A frame of ${length} bytes came in; the limit is ${this.limit}.`)
      const next = at + HEADER_SIZE + length;
      if (next > have) {
        if (length > READ_SIZE - HEADER_SIZE && count > 0) return this.#beginLarge(length, at, have)
        break
      }
      if (this.onFrame(buffer, at, length, false) === HELD) {
        this.isHeld = true;
        break
      }
      at = next;
    }
    this.start = at;
    this.end = have;
    if (at === have && count > 0) this.start = this.end = 0;
  }

  /** @param {number} length @param {number} at @param {number} have */
  #beginLarge (length, at, have) {
    this.large = Buffer.allocUnsafeSlow(HEADER_SIZE + length);
    this.filled = this.buffer.copy(this.large, 0, at, have);
    this.start = this.end = 0;
  }

  /** @param {number} count */
  #receivedLarge (count) {
    const large = /** @type {Buffer} */ (this.large);
    this.filled += count;
    if (this.filled < large.length) return
    this.large = null;
    this.onFrame(large, 0, large.length - HEADER_SIZE, true);
  }
}

// What functions may replace for themselves, as it was before any of their code ran: by fake timers, by the globals of a page, by a
// `process.exit` that throws, by files that are none. Deadlines, answers and the end of a worker must not depend on it.


const { clearInterval, clearTimeout, performance, setImmediate, setInterval, setTimeout } = globalThis;
const { exit, nextTick } = process;
const { closeSync, fstatSync, openSync, readSync, readlinkSync, writevSync } = fs;

/**
 * One call of one function: the two shapes that a function can have, and what it gets as `this`.
 *
 * Everything here runs once per call, so it allocates what the function can see and nothing else:
 * no promise for a function that returned a plain value, no AbortController before somebody asks for the signal.
 *
 * Two parameters or more: callback style, `function (data, cb)`. What it returns is ignored; a promise that rejects is its error.
 * Fewer, and generator functions, which never call a callback: value style, `fn(data, context)`. What it returns, or what its promise resolves to, is the result.
 */


/** What a connection knows of one call that it was asked for. */
class Call {
  /**
   * @param {number} id chosen by the caller, unique on its connection
   * @param {string} name of the function
   * @param {number} deadline on the clock of performance.now(), 0 for none
   * @param {number} [time] how long it may take, in ms, 0 for as long as it likes
   * @param {boolean} [streams] the caller takes the result in parts
   * @param {number} [number] which call of its worker it is
   */
  constructor (id, name, deadline, time = 0, streams = false, number = 0) {
    this.id = id;
    this.number = number;
    this.name = name;
    this.deadline = deadline;
    this.time = time;
    this.streams = streams;
    this.settled = false;
    /** When it came in, on the clock of performance.now(); known where metrics are kept. */
    this.arrival = 0;
    /** @type {string | undefined} of the span that it belongs to, as W3C Trace Context writes it */
    this.traceparent = undefined;
    /** @type {AbortController | null} */
    this.controller = null;
    /** @type {import('./streams.mjs').Pump | null} what sends its result in parts */
    this.pump = null;
    /** @type {import('./attribution.mjs').Slot | null} by which its lines of the console are known */
    this.slot = null;
    /** @type {import('./questions.mjs').Questions | null} what it can ask of the program */
    this.questions = null;
  }

  /** The deadline counts from now. */
  renew () {
    if (this.time !== 0) this.deadline = performance.now() + this.time;
  }

  /** Made when it is first read: most functions never do. */
  get signal () {
    return (this.controller ??= new AbortController()).signal
  }

  /** @param {unknown} [reason] what `signal.reason` will be */
  abort (reason) {
    this.controller ??= new AbortController();
    this.controller.abort(reason);
    this.pump?.close(reason);
  }
}

/** Why the signals of calls fire for which a stopping worker can wait no longer. */
function outOfTime () {
  return new DOMException('The worker is stopping, and the time for its calls is nearly over.', 'AbortError')
}

/**
 * When those signals fire, so that the calls have the rest of the time to end by themselves.
 * @param {number} time that the worker has to stop, in ms
 */
function noticeTime (time) {
  return time - Math.min(500, time / 10)
}

/** `this` of a function, and the parameter after the data of a value-style one. It belongs to one call. */
class Context {
  /** @type {Call} */
  #call

  /**
   * @param {string} name
   * @param {import('./host.mjs').Host} host
   * @param {Call} call
   */
  constructor (name, host, call) {
    this.name = name;
    this.host = host;
    this.#call = call;
  }

  /** Fires when the deadline passes, when the caller has cancelled or gone, and when a stopping worker can wait no longer. */
  get signal () {
    return this.#call.signal
  }

  /** The moment, on the clock of performance.now(), after which nobody waits for the result; Infinity where there is none. */
  get deadline () {
    return this.#call.deadline || Infinity
  }

  /** The span that the call belongs to, as W3C Trace Context writes it; undefined where nobody traces it. */
  get traceparent () {
    return this.#call.traceparent
  }

  get log () {
    return this.host.logger
  }
}

/** A function of the config under its name. */
class FunctionEntry {
  /**
   * @param {string} name
   * @param {Function} fn
   */
  constructor (name, fn) {
    if (typeof name !== 'string' || name === '') {
      throw new ConfigError('JS_HOST_FUNCTION_NAME', `"${String(name)}" is not a valid function name`,
        'Give the function a name that is a string with at least one character.')
    }
    if (typeof fn !== 'function') {
      throw new ConfigError('JS_HOST_NOT_A_FUNCTION', `"${name}" must be a function, but it is ${kindOf(fn)}.`,
        `Write ${name}: function (data, cb) { cb(null, …) }, or ${name}: (data) => …`)
    }
    this.name = name;
    this.fn = fn;
    this.callbackStyle = fn.length >= 2 && !types.isGeneratorFunction(fn);
    /** Whether it goes on after it has returned, as far as is known. */
    this.goesOn = types.isAsyncFunction(fn);
    /** After a first double callback the stack of every first one is kept too: it costs too much to do so for all. */
    this.traced = false;
    this.warned = false;
  }

  /**
   * Runs the function: returns its value or a promise of it, or throws.
   * @param {import('./host.mjs').Host} host
   * @param {unknown} data
   * @param {Call} call
   * @returns {unknown}
   */
  run (host, data, call) {
    host.counters.calls++;
    const context = new Context(this.name, host, call);
    return this.callbackStyle ? runWithCallback(this, context, data) : this.fn.call(context, data, context)
  }
}

/**
 * Only an object with a method `then` counts as a promise.
 * @param {any} value
 * @returns {value is PromiseLike<unknown>}
 */
function isThenable (value) {
  return value !== null && (typeof value === 'object' || typeof value === 'function') && typeof value.then === 'function'
}

const PENDING = 0;
const DONE = 1;
const FAILED = 2;

/**
 * @param {FunctionEntry} entry
 * @param {Context} context
 * @param {unknown} data
 * @returns {unknown}
 */
function runWithCallback (entry, context, data) {
  const outcome = new Outcome(entry, context.host);
  let returned;
  try {
    returned = entry.fn.call(context, data, (/** @type {unknown} */ error, /** @type {unknown} */ value) => outcome.callback(error, value));
  } catch (error) {
    outcome.threw(error);
  }
  if (types.isPromise(returned)) outcome.watch(returned); // to call any other `then` may run a query a second time
  if (outcome.state === DONE) return outcome.value
  if (outcome.state === FAILED) throw outcome.value
  return new Promise((resolve, reject) => {
    outcome.resolve = resolve;
    outcome.reject = reject;
  })
}

/** How a callback-style function ended. The first answer counts, whichever way it came. */
class Outcome {
  /**
   * @param {FunctionEntry} entry
   * @param {import('./host.mjs').Host} host
   */
  constructor (entry, host) {
    this.entry = entry;
    this.host = host;
    this.state = PENDING;
    /** @type {unknown} */
    this.value = undefined;
    /** @type {((value: unknown) => void) | null} */
    this.resolve = null;
    /** @type {((reason: unknown) => void) | null} */
    this.reject = null;
    /** @type {Error | null} */
    this.first = null;
  }

  /**
   * @param {unknown} error
   * @param {unknown} value
   */
  callback (error, value) {
    if (this.state !== PENDING) return this.repeated(error)
    if (this.entry.traced) this.first = new Error('The first call of the callback');
    if (error) this.settle(FAILED, asError(error));
    else this.settle(DONE, value);
  }

  /** @param {unknown} error */
  threw (error) {
    if (this.state === PENDING) this.settle(FAILED, error);
    else this.late(error);
  }

  /**
   * @param {number} state
   * @param {unknown} value
   */
  settle (state, value) {
    this.state = state;
    this.value = value;
    if (state === DONE) this.resolve?.(value);
    else this.reject?.(value);
  }

  /** @param {Promise<unknown>} promise that the function returned although it takes a callback */
  watch (promise) {
    promise.then((value) => this.ignored(value), (error) => this.threw(error));
  }

  /**
   * `async (data, context) => value` would otherwise wait for its deadline without a word.
   * @param {unknown} value
   */
  ignored (value) {
    if (this.state !== PENDING || value === undefined || this.entry.warned) return
    this.entry.warned = true;
    this.host.logger.error(`Function "${this.entry.name}" returned a value and did not call its callback. It has two parameters, so only ` +
      'its callback counts: call it; or, if the second is meant to be the context, write `(data, context = null)`.');
  }

  /** @param {unknown} error */
  repeated (error) {
    this.host.counters.repeatedCallbacks++;
    const second = new Error(`Function "${this.entry.name}" called its callback more than once`);
    const passed = error ? `\nIt passed: ${stackOf(asError(error))}` : '';
    const first = this.first ? stackOf(this.first) : 'The first call is not known: it is recorded from now on.';
    this.entry.traced = true;
    this.host.logger.error(`${stackOf(second)}${passed}\n${first}`);
  }

  /** @param {unknown} error */
  late (error) {
    logLateError(this.host, this.entry.name, error);
  }
}

/**
 * A function failed where nobody waits for it any more.
 * @param {import('./host.mjs').Host} host @param {string} name @param {unknown} error
 */
function logLateError (host, name, error) {
  host.counters.lateErrors++;
  host.logger.error(`Function "${name}" had already answered when it failed: ${stackOf(asError(error))}`);
}

/** The user's own part of a stack. @param {Error} error */
function stackOf (error) {
  return ownFrames(String(error.stack))
}

/** @param {unknown} value */
function kindOf (value) {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/**
 * Which name was probably meant.
 */

/** With longer names, or more of them, the answer would take too long: every call waits for it. */
const MOST_NAMES = 200;
const MOST_LETTERS = 100;

/**
 * The known name that is most like `name`: one that differs in its case or its dashes only, or in few letters.
 * @param {string} name
 * @param {string[]} known
 * @returns {string | undefined}
 */
function nearest (name, known) {
  const wanted = plain(name);
  if (wanted === '' || wanted.length > MOST_LETTERS) return undefined
  const few = wanted.length < 3 ? 0 : Math.max(1, Math.floor(wanted.length / 3));
  const alike = known.slice(0, MOST_NAMES).filter((one) => Math.abs(plain(one).length - wanted.length) <= few);
  const distances = alike.map((one) => ({ one, far: distance(wanted, plain(one)) }));
  return distances.filter(({ far }) => far <= few).sort((a, b) => a.far - b.far)[0]?.one
}

/** helloWorld, hello-world and hello_world → helloworld. @param {string} name */
function plain (name) {
  return name.toLowerCase().replace(/[-_. ]/g, '')
}

/**
 * How many letters to change, add or leave out (Levenshtein's distance).
 * @param {string} a
 * @param {string} b
 */
function distance (a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]
}

// The values that JSON can not say, as tags: objects whose only key is "$", such as {"$": ["date", 0]}.
//
// The slow path of values.mjs. Bytes, and a long text, travel as attachments after the JSON and are named by their number.
// _wire/rich.py is the twin.


/** How deeply arrays and objects may be nested. */
const MAX_DEPTH$1 = 500;

/** A value can not cross between the languages; the message names the path to it. */
class ValueNotSupported extends TypeError {}

/**
 * @typedef {{name: string, depth: number}} Place what an error calls the value, and how many steps of the path to leave out
 * @typedef {{callable: (n: number) => Function, iterator: (n: number) => object}} Program makes what stands for the program's own
 */

const SPREAD = 'Spread it into an array: [...it].';
const READ = 'Read it to its end first.';

/** Name of a kind of typed array on the wire -> its class. */
const ARRAY_CLASSES = /** @type {Record<string, any>} */ ({
  __proto__: null,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array
});
const ARRAY_KINDS = new Map(Object.keys(ARRAY_CLASSES).map((kind) => [ARRAY_CLASSES[kind].name, kind]));

/** The name of a typed array's class, whatever a subclass of it is called. */
const typedArrayName = /** @type {() => string | undefined} */ (
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get);

/**
 * The tagged JSON text of any value that can cross, and its attachments.
 * @param {unknown} value @param {Place} place @returns {{text: string, attachments: Uint8Array[]}}
 */
function encodeRich (value, place) {
  const encoder = new Encoder(place);
  const text = JSON.stringify(encoder.convert(value));
  return { text, attachments: encoder.attachments }
}

/** One conversion: the attachments found so far, and the path to where it is, for the error. */
class Encoder {
  /** @param {Place} place */
  constructor (place) {
    this.place = place;
    /** @type {Uint8Array[]} */
    this.attachments = [];
    /** @type {(string | number)[]} */
    this.path = [];
    /** @type {Set<object>} */
    this.open = new Set();
  }

  /** @param {any} value @returns {unknown} */
  convert (value) {
    switch (typeof value) {
      case 'string': case 'boolean': return value
      case 'undefined': return null
      case 'number': return convertNumber(value)
      case 'bigint': return tag('int', String(value))
      case 'object': return value === null ? null : this.convertObject(value)
      default: return this.refuse(typeof value === 'symbol' ? 'a symbol' : 'a function')
    }
  }

  /** @param {any} value @returns {unknown} */
  convertObject (value) {
    if (Array.isArray(value)) return this.within(value, () => this.items(value))
    if (types.isDate(value)) return this.date(value)
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return this.bytes(value)
    if (types.isSet(value)) return this.within(value, () => this.set(value))
    if (types.isMap(value)) return this.within(value, () => this.map(value))
    if (typeof value.toJSON === 'function') return this.within(value, () => this.convert(value.toJSON()))
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) this.refuseStrange(value);
    return this.within(value, () => this.fields(value))
  }

  /**
   * @param {object} value @param {() => unknown} convert @returns {unknown}
   */
  within (value, convert) {
    if (this.open.has(value)) this.refuse('a circular reference', 'Leave it out, or give only what is needed of the object.');
    if (this.path.length >= MAX_DEPTH$1) throw new ValueNotSupported(`The ${this.place.name} is nested more than ${MAX_DEPTH$1} levels deep. Give something flatter, or its JSON as text.`)
    this.open.add(value);
    const converted = convert();
    this.open.delete(value);
    return converted
  }

  /** @param {unknown[]} items @param {number} [offset] */
  items (items, offset = 0) {
    return Array.from(items, (item, i) => this.deeper(offset + i, item))
  }

  /** @param {Set<unknown>} value */
  set (value) {
    const items = this.items([...value]);
    if (!items.every(isHashable)) this.refuse('a Set that holds an object or an array', SPREAD);
    return tag('set', items)
  }

  /** @param {Map<unknown, unknown>} value */
  map (value) {
    const pairs = [...value].map((pair, i) => this.items(pair, i));
    if (!pairs.every(([key]) => isHashable(key))) this.refuse('a Map with an object or an array as a key', SPREAD);
    return tag('map', pairs)
  }

  /** @param {string | number} step @param {unknown} value */
  deeper (step, value) {
    this.path.push(step);
    const converted = this.convert(value);
    this.path.pop();
    return converted
  }

  /** @param {Record<string, unknown>} value */
  fields (value) {
    const out = Object.create(null);          // so that a key "__proto__" is only ever data
    const keys = Object.keys(value);
    for (const key of keys) {
      const field = value[key];
      if (field !== undefined) out[key] = this.deeper(key, field);
    }
    return '$' in out && Object.keys(out).length === 1 ? tag('object', out) : out
  }

  /** @param {Date} value */
  date (value) {
    const milliseconds = value.getTime();
    if (Number.isNaN(milliseconds)) this.refuse('an invalid Date', 'Give null, or look where it was made: its text was no date.');
    return tag('date', milliseconds)
  }

  /** @param {any} value */
  bytes (value) {
    const view = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);
    const at = this.attachments.push(view) - 1;
    const kind = ARRAY_KINDS.get(typedArrayName.call(value) ?? '');
    if (kind === undefined || kind === 'uint8') return tag('bytes', at)
    return tag('array', kind, this.shape(value), at)
  }

  /** @param {any} value */
  shape (value) {
    const { shape = [value.length] } = value;
    const fits = Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0) &&
      shape.reduce((total, size) => total * size, 1) === value.length;
    if (!fits) this.refuse(`an array of ${value.length} numbers with a shape that does not fit`);
    return shape
  }

  /** @param {any} value */
  refuseStrange (value) {
    if (types.isNativeError(value)) this.refuse('an Error', 'Throw it, or give its message.');
    if (typeof value.then === 'function') this.refuse('a promise', 'Await it first.');
    if (types.isRegExp(value)) this.refuse('a RegExp', 'Give its `source`.');
    if (isIterator(value)) this.refuse(types.isGeneratorObject(value) ? 'a generator' : 'an iterator', isAsync(value) ? READ : SPREAD);
    if (typeof value.pipe === 'function' || typeof value.getReader === 'function') this.refuse('a stream', READ);
    if (types.isWeakMap(value) || types.isWeakSet(value)) this.refuse('a weak collection');
    if (types.isBoxedPrimitive(value)) this.refuse('a boxed primitive', 'Give its `valueOf()`.');
    if (types.isProxy(value)) this.refuse('a Proxy', 'Give a copy, such as { ...it }.');
  }

  /** @param {string} what @param {string} [instead] what to do @returns {never} */
  refuse (what, instead = 'Give data in its place: text, numbers, arrays, plain objects or bytes.') {
    const { name, depth } = this.place;
    const where = this.path.slice(depth).map((step) => `[${JSON.stringify(step)}]`).join('');
    throw new ValueNotSupported(`${name}${where} is ${what}, which can not be given to Python. ${instead}`)
  }
}

/** What objects become that Python can have in a set, and as the key of a dict. */
const HASHABLE = new Set(['int', 'float', 'bytes', 'date']);

/** @param {any} converted */
function isHashable (converted) {
  if (converted === null || typeof converted !== 'object') return true
  return Object.keys(converted).length === 1 && Array.isArray(converted.$) && HASHABLE.has(converted.$[0])
}

/** Those of Python too, as they come with the data. @param {any} value */
function isIterator (value) {
  return typeof value.next === 'function' && (isAsync(value) || typeof value[Symbol.iterator] === 'function')
}

/** @param {any} value */
function isAsync (value) {
  return typeof value[Symbol.asyncIterator] === 'function'
}

/** @param {number} value */
function convertNumber (value) {
  if (isPlainNumber(value)) return value
  if (Number.isInteger(value) && value !== 0) return tag('int', String(BigInt(value)))
  return tag('float', Object.is(value, -0) ? '-0' : String(value))
}

/**
 * Whether JSON says a number as it is. From 2^53 up to 1e21 it writes digits like those of an integer that is another one:
 * 1152921504606847000 for 2^60. Beyond, it writes an exponent.
 * @param {number} value
 */
function isPlainNumber (value) {
  if (value < 2 ** 53 && value > -9007199254740992) return value !== 0 || 1 / value > 0
  return Number.isFinite(value) && Math.abs(value) >= 1e21
}

/** @param {string} kind @param {unknown[]} rest */
function tag (kind, ...rest) {
  return { $: [kind, ...rest] }
}

/**
 * Replace the tags in a parsed JSON value by what they stand for.
 * @param {any} tree @param {Uint8Array[]} attachments @param {Program | null} program @returns {unknown}
 */
function decodeRich (tree, attachments, program) {
  if (tree === null || typeof tree !== 'object') return tree
  if (Array.isArray(tree)) return tree.map((item) => decodeRich(item, attachments, program))
  const keys = Object.keys(tree);
  if (keys.length === 1 && keys[0] === '$') return decodeTag(tree.$, attachments, program)
  return decodeFields(tree, attachments, program)
}

/** @param {any} tree @param {Uint8Array[]} attachments @param {Program | null} program */
function decodeFields (tree, attachments, program) {
  for (const key of Object.keys(tree)) {
    const value = decodeRich(tree[key], attachments, program);
    if (key === '__proto__') Object.defineProperty(tree, key, { value, enumerable: true, configurable: true, writable: true });
    else tree[key] = value;
  }
  return tree
}

/** @param {any[]} tag @param {Uint8Array[]} attachments @param {Program | null} program */
function decodeTag ([kind, first, second, third], attachments, program) {
  switch (kind) {
    case 'int': return BigInt(first)
    case 'float': return Number(first)
    case 'bytes': return attachments[first]
    case 'text': return decodeText$1(attachments[first])
    case 'date': return new Date(first)
    case 'set': return new Set(first.map((/** @type {any} */ item) => decodeRich(item, attachments, program)))
    case 'map': return new Map(first.map((/** @type {any} */ pair) => decodeRich(pair, attachments, program)))
    case 'object': return decodeFields(first, attachments, program)
    case 'array': return decodeArray(first, second, attachments[third])
    case 'function': if (program !== null) return program.callable(first); break
    case 'iterator': if (program !== null) return program.iterator(first); break
  }
  throw new ValueNotSupported(`The data has a tag that is not understood: ${JSON.stringify(kind)}.`)
}

/** @param {Uint8Array} bytes */
function decodeText$1 (bytes) {
  if (!node_buffer.isUtf8(bytes)) throw new ValueNotSupported('The data has a text that is no UTF-8.')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}

/** @param {string} kind @param {number[]} shape @param {Uint8Array} bytes */
function decodeArray (kind, shape, bytes) {
  const TypedArray = ARRAY_CLASSES[kind];
  if (TypedArray === undefined) throw new ValueNotSupported(`The data has an array of an unknown kind: ${JSON.stringify(kind)}.`)
  // A typed array must lie at a multiple of its item's size, so the bytes move into a place of their own.
  const array = new TypedArray(new Uint8Array(bytes).buffer);
  return Object.defineProperty(array, 'shape', { value: shape, writable: true, configurable: true })
}

const STRING_OR_LONG_INTEGER = /"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;
const BIGINT = `bigint:${Math.random()}${Math.random()}:`;     // no data holds it by chance, so what begins with it is ours

/**
 * JSON.parse in which every integer is exact: those that a number would round become BigInts.
 * @param {string} text @returns {unknown}
 */
function parseExactly (text) {
  let marked = '';
  let at = 0;
  const pattern = STRING_OR_LONG_INTEGER;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [token] = match;
    if (token === '"') pattern.lastIndex = endOfString(text, pattern.lastIndex);
    else if (!Number.isSafeInteger(Number(token))) {
      marked += `${text.slice(at, match.index)}"${BIGINT}${token}"`;
      at = pattern.lastIndex;
    }
  }
  if (at === 0) return JSON.parse(text)
  return JSON.parse(marked + text.slice(at), (_, value) =>
    typeof value === 'string' && value.startsWith(BIGINT) ? BigInt(value.slice(BIGINT.length)) : value)
}

/**
 * Where a string ends. By hand: a pattern for it would run out of stack in a string of many megabytes.
 * @param {string} text @param {number} start just behind its first quote
 */
function endOfString (text, start) {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (first > start && text[first - 1] === '\\') first--;
    if ((end - first) % 2 === 0) return end + 1
  }
  return text.length
}

// Values: JSON text to JavaScript values and back. Plain JSON is the fast path; the rest is in rich.mjs.
//
// The table of what becomes what is in docs/protocol.md; _wire/values.py is the twin.


/** @typedef {import('./rich.mjs').Place} Place @typedef {import('./rich.mjs').Program} Program */

/** @type {Place} */
const RESULT_PLACE = { name: 'result', depth: 0 };

/** A text from this length on, in characters, is sent as it is: a page of HTML takes a third less time so than as JSON. */
const LONG_TEXT = 8192;

/** What half a surrogate pair becomes in UTF-8, which has no other: to look for it takes no time, other than to look at all characters. */
const REPLACEMENT = Buffer.from('\ufffd');

/**
 * Below this size, in bytes, attachments are copied: it is no slower than to write them one by one, and what they are views of may be
 * changed before they are written. Larger results are written at once, and a stream must leave its larger parts alone.
 */
const MOST_COPIED = 16 * 1024;

/** An integer of fewer digits than this is held exactly by a number. */
const LONG_INTEGER = 16;

/**
 * A frame that carries a value: one buffer, or several to be written one after the other.
 * @param {number} id @param {number} kind @param {unknown} value
 * @param {number} [extra] @param {Place} [place] what the value is, for an error
 * @returns {Buffer | Uint8Array[]}
 */
function valueFrame (id, kind, value, extra = 0, place = RESULT_PLACE) {
  if (typeof value === 'string' && value.length >= LONG_TEXT) {
    const frame = longTextFrame(id, kind, value, extra);
    if (!frame.includes(REPLACEMENT) || value.isWellFormed()) return frame
  }
  if (isPlain(value, 0)) return textFrame(id, kind, value === undefined ? 'null' : JSON.stringify(value), extra)
  const { text, attachments } = encodeRich(value, place);
  const parts = richFrame(id, kind, text, attachments, extra);
  return bodyLength(parts) < MOST_COPIED ? Buffer.concat(parts) : parts
}

/**
 * Whether JSON says all that the value holds. One walk, a tenth of what JSON.stringify takes.
 * @param {any} value @param {number} depth @returns {boolean}
 */
function isPlain (value, depth) {
  switch (typeof value) {
    case 'string': case 'boolean': case 'undefined': return true
    case 'number': return isPlainNumber(value)
    case 'object': break
    default: return false
  }
  if (value === null) return true
  if (depth >= MAX_DEPTH$1) return false
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false
    return true
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) if (!isPlain(value[key], depth + 1)) return false
  return true
}

/**
 * The value in bytes[start..end).
 * @param {Buffer} bytes @param {number} start @param {number} end @param {number} flags
 * @param {boolean} owned the bytes may be kept: attachments then are views of them
 * @param {Program | null} [program] whose callables and iterators the value may hold
 * @returns {unknown}
 */
function decodeValue (bytes, start, end, flags, owned, program = null) {
  if (flags & RICH) {
    const part = splitRich(bytes, start, end);
    const attachments = owned ? part.attachments : part.attachments.map(copy);
    return decodeRich(JSON.parse(decodeText(bytes, part.start, part.end)), attachments, program)
  }
  const text = decodeText(bytes, start, end);
  return hasLongInteger(bytes, start, end) ? parseExactly(text) : JSON.parse(text)
}

/**
 * Whether the text may hold an integer that a number would round: 16 digits in a row, not after a decimal point.
 * Looks at every 16th byte only, since a run that long can not hide between two of them.
 * @param {Uint8Array} bytes @param {number} start @param {number} end
 */
function hasLongInteger (bytes, start, end) {
  for (let at = start + LONG_INTEGER - 1; at < end; at += LONG_INTEGER) {
    if (!isDigit(bytes[at])) continue
    let first = at;
    while (first > start && isDigit(bytes[first - 1])) first--;
    let last = at;
    while (last + 1 < end && isDigit(bytes[last + 1])) last++;
    if (last - first + 1 >= LONG_INTEGER && (first === start || bytes[first - 1] !== POINT)) return true
    at = last;
  }
  return false
}

const POINT = 0x2e;

/** @param {number} byte */
function isDigit (byte) {
  return byte >= 0x30 && byte <= 0x39
}

/** @param {Buffer} bytes @param {number} start @param {number} end */
function decodeText (bytes, start, end) {
  const text = bytes.utf8Slice(start, end);
  if (text.includes('\ufffd') && !node_buffer.isUtf8(bytes.subarray(start, end))) throw new FrameError('A text in a frame is no UTF-8.')
  return text
}

/** @param {Buffer} bytes */
function copy (bytes) {
  return Buffer.from(bytes)
}

// Messages: what the frames that are no values say, as JSON. docs/protocol.md is the law; _wire/messages.py is the twin.


const PROTOCOL = 1;

/** @typedef {{type: string, name: string, message: string, stack?: string, maybeExecuted?: boolean, [field: string]: unknown}} ErrorMessage */

/**
 * Of an error that is over the limit, only the beginning is told.
 * @param {number} id @param {ErrorMessage} error @param {number} limit of the body, in bytes
 */
function errorFrame (id, error, limit) {
  const frame = textFrame(id, ERROR$1, JSON.stringify(error));
  return bodyLength(frame) <= limit ? frame : textFrame(id, ERROR$1, JSON.stringify(beginningOf(error, limit / LARGEST_SHARE)))
}

/** What part of the limit, in characters, each of the three texts of an error may take: JSON has up to six bytes for a character. */
const LARGEST_SHARE = 20;

/** @param {ErrorMessage} error @param {number} most characters of each text */
function beginningOf ({ type, name, message, stack, maybeExecuted, fault }, most) {
  return { type, name: name.slice(0, most), message: message.slice(0, most), stack: stack?.slice(0, most), maybeExecuted, fault }
}

/** @param {{reason: string, message: string, [field: string]: unknown}} bye */
function byeFrame (bye) {
  return textFrame(0, BYE, JSON.stringify(bye))
}

/** What the program is to be warned of. @param {string} text */
function warningFrame (text) {
  return textFrame(0, LOG, JSON.stringify({ level: 'warn', text }))
}

/** The answer to a client that offered memory. @param {boolean} taken */
function mailboxFrame (taken) {
  return textFrame(0, MAILBOX, '', Number(taken))
}

/**
 * Where the memory is that a client offers.
 * @param {Buffer} bytes @param {number} start @param {number} end @returns {Record<string, unknown>}
 */
function readOffer (bytes, start, end) {
  try {
    return Object(JSON.parse(decodeText(bytes, start, end)))
  } catch {
    throw new FrameError('The offer of a mailbox is no JSON.')
  }
}

/** @param {Record<string, unknown>} hello */
function helloFrame (hello) {
  return textFrame(0, HELLO, JSON.stringify({ protocol: PROTOCOL, ...hello }))
}

/**
 * The client's first message, checked.
 * @param {Buffer} bytes @param {number} start @param {number} end
 */
function readHello (bytes, start, end) {
  let hello;
  try {
    hello = JSON.parse(decodeText(bytes, start, end));
  } catch {
    throw new FrameError('The first frame is no hello.')
  }
  if (hello?.protocol !== PROTOCOL) {
    throw new FrameError(`This worker speaks version ${PROTOCOL} of the protocol, the client ${JSON.stringify(hello?.protocol)}. ` +
      'Install the same version of js-host on both sides.')
  }
  return hello
}

/** @param {string} name @param {string[]} known @returns {ErrorMessage} */
function unknownFunction (name, known) {
  const near = nearest(name, known);
  const meant = near === undefined ? '' : `Did you mean ${JSON.stringify(near)}? `;
  const message = `The config has no function named ${JSON.stringify(name)}. ${meant}${known.length > 0 ? listed(known) : NONE}`;
  return { type: 'unknown-function', name: 'UnknownFunction', message, maybeExecuted: false }
}

const NONE = 'It exports none: write module.exports = { functions: { … } }, or `export function name (data) { … }`.';
const MOST_LISTED = 30;

/** @param {string[]} names */
function listed (names) {
  const more = names.length - MOST_LISTED;
  return `It has: ${names.slice(0, MOST_LISTED).join(', ')}${more > 0 ? `, and ${more} more: \`js-host functions\` lists them` : ''}.`
}

/**
 * @param {number} time that it had, in ms @param {boolean} callbackStyle
 * @param {boolean} inParts some part of its stream may have come @returns {ErrorMessage}
 */
function timedOut (time, callbackStyle, inParts) {
  const hint = inParts ? GIVE_TIME : callbackStyle ? CALL_BACK : `${GIVE_TIME} ${WAITING_COUNTS}`;
  return {
    type: 'timeout',
    name: 'TimeoutError',
    message: `no ${inParts ? 'further part of its stream' : 'result'} within ${seconds(time)}. ${hint}`,
    maybeExecuted: true
  }
}

const GIVE_TIME = 'If it needs longer, give it a longer `timeout`.';
/** So that it is no riddle where a call of one second is told of less. */
const WAITING_COUNTS = 'The wait for a worker counts, too.';
const CALL_BACK = 'It has two parameters or more, so only a call of its callback, `cb(null, result)`, is a result. ' +
  'If the second is meant to be the context, write `(data, context = null)`.';

/** What is left of a timeout when its call arrives, as the caller wrote it. @param {number} time in ms */
function seconds (time) {
  const step = time < 1000 ? 10 : 100;
  return `${Math.ceil(time / step) * step / 1000} s`
}

/** @type {ErrorMessage} */
const TOO_LATE = { type: 'timeout', name: 'TimeoutError', message: 'the deadline had passed before it could start.', maybeExecuted: false };

/** @param {number} size @param {number} limit @returns {ErrorMessage} */
function tooLarge (size, limit) {
  return {
    type: 'too-large',
    name: 'PayloadTooLarge',
    message: `The result takes ${size} bytes; the limit is ${limit}. Raise requestDataLimit in the config, or return less.`,
    maybeExecuted: true
  }
}

/** A result, or part of one, that is larger than a frame may be. */
class TooLarge extends RangeError {
  /** @param {number} size @param {number} limit */
  constructor (size, limit) {
    super();
    this.description = tooLarge(size, limit);
  }
}

/** A stream was returned to a caller that takes no parts. @param {string} name @returns {ErrorMessage} */
function unwantedStream (name) {
  const message = `Function "${name}" returned a stream: call it with \`.stream(...)\`, or let it return one value.`;
  return { type: 'bad-value', name: 'ValueNotSupported', message, maybeExecuted: true }
}

/** @param {Error} error @returns {ErrorMessage} */
function badValue (error) {
  return { type: 'bad-value', name: error.name, message: error.message, maybeExecuted: true }
}

/** @type {ErrorMessage} */
const STOPPING = { type: 'stopping', name: 'Stopping', message: 'The worker is stopping and takes no more calls.', maybeExecuted: false };

/** What a client is told that did not say who it is. */
const NO_TOKEN = 'This host wants its token, and none came. Give it in TOKEN or TOKEN_FILE, or in the variable JS_HOST_TOKEN.';
const WRONG_TOKEN = 'The token that came is not the one of this host. Look at TOKEN, TOKEN_FILE and the variable JS_HOST_TOKEN.';

// How a call can end, as metrics count it.

/** @typedef {'ok' | 'error' | 'timeout' | 'cancelled'} End */

const OK = 'ok';
const ERROR = 'error';
const TIMEOUT = 'timeout';
/** Its caller wanted it no more, or was gone. */
const CANCELLED = 'cancelled';

// Questions: what a call asks of the program that made it, through the callables and iterators that came with its data.
//
// In the data they are tags; here an async function and an async iterator stand for them. All of it ends with the call.


/** What an error calls the arguments: they are behind the number and the verb of the question. */
const ARGUMENTS = { name: 'arguments', depth: 1 };

/** How many causes of an error are looked through for a fault. */
const MAX_DEPTH = 8;

/**
 * @typedef {object} Open a question that was not answered yet
 * @property {boolean} iterates
 * @property {(answer: unknown) => void} resolve
 * @property {(error: unknown) => void} reject
 * @property {Promise<unknown>} promise
 * @property {{stack?: string}} place where it was asked
 */

/** What the program raised while it answered. Its stack tells both halves: where JavaScript asked, and the traceback. */
class PythonError extends Error {
  /** @param {{name: string, message: string, stack: string}} fault @param {{stack?: string}} place */
  constructor ({ name, message, stack }, place) {
    super(message);
    const frames = ownFrames(String(place.stack)).split('\n').filter((line) => line.startsWith('    at '));
    const text = [message === '' ? name : `${name}: ${message}`, ...frames, '', stack.trimEnd()].join('\n');
    for (const [key, value] of [['name', name], ['stack', text]]) {
      Object.defineProperty(this, key, { value, writable: true, configurable: true });
    }
  }
}

class Questions {
  /** @param {import('./connection.mjs').Connection} connection @param {import('./functions.mjs').Call} call */
  constructor (connection, call) {
    this.connection = connection;
    this.call = call;
    /** @type {Map<number, Open>} */
    this.open = new Map();
    this.last = 0;
    /** @type {WeakMap<Error, number>} the questions that were answered by a fault, by their error */
    this.faults = new WeakMap();
  }

  /** A function that calls one of the program's. @param {number} n */
  callable (n) {
    const use = (/** @type {unknown[]} */ ...args) => this.ask([n, 'call', args], placeOf(use));
    return use
  }

  /** What reads one of the program's iterators. @param {number} n */
  iterator (n) {
    return new ProgramIterator(this, n)
  }

  /**
   * @param {unknown[]} question @param {{stack?: string}} place @param {boolean} [iterates] the answer is an item of an iterator
   * @returns {Promise<any>}
   */
  ask (question, place, iterates = false) {
    const { call, connection, open } = this;
    if (call.settled) return Promise.reject(this.tooLate())
    const number = this.last = this.last % 0xffffffff + 1;
    try {
      connection.write(this.encode(question, number));
    } catch (error) {
      return Promise.reject(error)
    }
    const one = /** @type {Open} */ ({ iterates, place });
    one.promise = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }));
    open.set(number, one);
    return one.promise
  }

  /** @param {unknown[]} question @param {number} number */
  encode (question, number) {
    const { limit } = this.connection.worker;
    const frame = valueFrame(this.call.id, ASK, question, number, ARGUMENTS);
    const size = bodyLength(frame);
    if (size <= limit) return frame
    throw new RangeError(`The arguments take ${size} bytes; the limit is ${limit}. Raise requestDataLimit in the config, or pass less.`)
  }

  /**
   * What the program says to a question.
   * @param {number} kind ANSWER, END or FAULT @param {number} number
   * @param {Buffer} bytes @param {number} start @param {number} end @param {number} flags @param {boolean} owned
   */
  answered (kind, number, bytes, start, end, flags, owned) {
    const one = this.open.get(number);
    if (one === undefined) return
    this.open.delete(number);
    if (kind === END) return one.resolve(one.iterates ? { done: true, value: undefined } : undefined)
    if (kind !== ANSWER) return one.reject(this.fault(number, bytes, start, end, one.place))
    try {
      const value = decodeValue(bytes, start, end, flags, owned, this);
      one.resolve(one.iterates ? { done: false, value } : value);
    } catch (error) {
      if (!(error instanceof ValueNotSupported || error instanceof SyntaxError)) throw error
      one.reject(error);
    }
  }

  /** @param {number} number @param {Buffer} bytes @param {number} start @param {number} end @param {{stack?: string}} place */
  fault (number, bytes, start, end, place) {
    const error = new PythonError(readFault(bytes, start, end), place);
    this.faults.set(error, number);
    return error
  }

  /** The question whose fault an error is, or is caused by. @param {unknown} error @returns {number | undefined} */
  faultOf (error) {
    for (let depth = 0; depth <= MAX_DEPTH && isError(error); depth++) {
      const number = this.faults.get(error);
      if (number !== undefined) return number
      error = causeOf(error);
    }
  }

  /** The call has ended: nobody answers any more, and nobody needs to be told of it who did not wait. */
  end () {
    for (const { promise, reject } of this.open.values()) {
      promise.catch(() => {});
      reject(this.tooLate());
    }
    this.open.clear();
  }

  tooLate () {
    return new Error(`The call of "${this.call.name}" has ended: what the program passed to it can be used during the call only.`)
  }
}

/** Reads an iterator of the program, one item after the other, also where several are asked for at once. */
class ProgramIterator {
  #questions
  #n
  #over = false
  /** @type {Promise<unknown>} */
  #last = Promise.resolve()

  /** @param {Questions} questions @param {number} n */
  constructor (questions, n) {
    this.#questions = questions;
    this.#n = n;
  }

  [Symbol.asyncIterator] () {
    return this
  }

  /** @returns {Promise<IteratorResult<unknown>>} */
  next () {
    const place = placeOf(this.next);
    return this.#inTurn(() => this.#ask(place))
  }

  /** Nobody wants more items. @param {unknown} [value] */
  return (value) {
    const place = placeOf(this.return);
    return this.#inTurn(async () => {
      if (!this.#over && !this.#questions.call.settled) {
        this.#over = true;
        await this.#questions.ask([this.#n, 'close'], place);
      }
      return { done: true, value }
    })
  }

  /** @param {{stack?: string}} place */
  async #ask (place) {
    if (this.#over) return { done: true, value: undefined }
    this.#over = true;                        // unless an item comes
    const step = await this.#questions.ask([this.#n, 'next'], place, true);
    this.#over = step.done;
    return step
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  #inTurn (work) {
    const result = this.#last.then(work, work);
    this.#last = result;
    return result
  }
}

/** Where a function was called: its stack is only put into words when somebody reads it. @param {Function} fn */
function placeOf (fn) {
  /** @type {{stack?: string}} */
  const place = {};
  Error.captureStackTrace(place, fn);
  return place
}

/** @param {Buffer} bytes @param {number} start @param {number} end */
function readFault (bytes, start, end) {
  let fault;
  try {
    fault = JSON.parse(decodeText(bytes, start, end));
  } catch {
    // it is none
  }
  if (fault === null || typeof fault !== 'object') throw new FrameError('A fault came in that is no JSON object.')
  return { name: String(fault.name ?? 'Exception'), message: String(fault.message ?? ''), stack: String(fault.stack ?? '') }
}

/** @param {Error} error */
function causeOf (error) {
  try {
    return error.cause
  } catch {
    return undefined
  }
}

// Streams: results that come in parts, taken at the pace of whoever reads them.
//
// A stream is an iterator or an async iterable: generators, Node's Readable and the web's ReadableStream among them.


/** How long a stream whose parts are always ready keeps the event loop to itself, in ms. */
const SLICE = 5;

/**
 * Arrays, texts and sets are none: only what is read once.
 * @param {any} value
 */
function isStream (value) {
  if (value === null || typeof value !== 'object') return false
  try {
    return typeof value[Symbol.asyncIterator] === 'function' ||
      (typeof value.next === 'function' && typeof value[Symbol.iterator] === 'function')
  } catch {
    return false                             // a trap: whoever writes it as a value says so
  }
}

/**
 * @typedef {object} Source
 * @property {() => any} next `{done, value}`, or a promise of it
 * @property {(reason?: unknown) => any} close nobody wants more
 */

/**
 * Streams of Node and the web are closed by their own means: `return()` of their iterators would wait for the next part.
 * @param {any} stream @returns {Source}
 */
function openStream (stream) {
  if (typeof stream.getReader === 'function') {
    const reader = stream.getReader();
    return { next: () => reader.read(), close: (reason) => reader.cancel(reason) }
  }
  const iterator = typeof stream[Symbol.asyncIterator] === 'function' ? stream[Symbol.asyncIterator]() : stream[Symbol.iterator]();
  if (typeof stream.destroy !== 'function') return { next: () => iterator.next(), close: () => iterator.return?.() }
  stream.on?.('error', () => {});             // its iterator tells of it; after the close nobody wants to know
  return { next: () => iterator.next(), close: () => stream.destroy() }
}

/**
 * Close a stream that was never read.
 * @param {import('./host.mjs').Host} host @param {string} name of the function @param {unknown} stream @param {unknown} [reason]
 */
function closeStream (host, name, stream, reason) {
  closeSource(host, name, () => openStream(stream).close(reason));
}

/** @param {import('./host.mjs').Host} host @param {string} name @param {() => unknown} close */
function closeSource (host, name, close) {
  const failed = (/** @type {unknown} */ error) => logLateError(host, name, error);
  try {
    const closing = close();
    if (isThenable(closing)) closing.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}

/** Takes the parts from one stream and sends them, as long as there is credit for them. */
class Pump {
  /**
   * @param {import('./calls.mjs').Calls} calls @param {import('./functions.mjs').Call} call @param {unknown} stream
   */
  constructor (calls, call, stream) {
    this.calls = calls;
    this.call = call;
    this.source = openStream(stream);
    this.credit = WINDOW;
    /** When the event loop is to have its turn. */
    this.sliceEnd = 0;
    /** @type {(() => void) | null} goes on, once there is credit again */
    this.resume = null;
  }

  /** Send all parts, until the stream or its call has ended. */
  async run () {
    const { call, calls } = this;
    this.sliceEnd = performance.now() + SLICE;
    try {
      while (true) {
        if (this.credit <= 0 || performance.now() >= this.sliceEnd) await this.pause();
        if (call.settled) return
        const taken = this.take();
        const step = isThenable(taken) ? await taken : taken;
        if (call.settled) return
        if (step.done) return calls.finish(call)
        const value = isThenable(step.value) ? await step.value : step.value;
        if (call.settled || !this.send(value)) return
      }
    } catch (error) {
      calls.fail(call, error);
    }
  }

  /** Take the next part: its deadline counts from now. */
  take () {
    const { call, calls: { worker, timeOut } } = this;
    worker.renew(call, timeOut);
    worker.begin(call);
    try {
      return this.source.next()
    } finally {
      worker.pause();
    }
  }

  /** @param {unknown} value @returns {boolean} whether it could be sent */
  send (value) {
    const { call, calls } = this;
    try {
      const frame = calls.encode(call.id, CHUNK, value);
      this.credit -= Math.max(bodyLength(frame), LEAST_COST);
      calls.connection.write(frame);
      return true
    } catch (error) {
      calls.refuseResult(call, error);
      this.close(error);
      return false
    }
  }

  /** Wait for credit, which has no deadline, or for a turn of the event loop. */
  async pause () {
    if (this.credit > 0) await new Promise((resolve) => setImmediate(resolve));
    else {
      this.call.deadline = 0;
      await new Promise((resolve) => { this.resume = () => resolve(null); });
    }
    this.sliceEnd = performance.now() + SLICE;
  }

  /** The reader has consumed so much. @param {number} bytes */
  grant (bytes) {
    this.credit += bytes;
    if (this.credit > 0) this.wake();
  }

  wake () {
    this.resume?.();
    this.resume = null;
  }

  /** Nobody wants more. @param {unknown} reason */
  close (reason) {
    this.wake();
    closeSource(this.calls.worker.host, this.call.name, () => this.source.close(reason));
  }
}

// The name of a function as a CALL carries it: a NUL and a traceparent (W3C Trace Context) may follow it.
//
// Only who finds no function of the whole name looks, so a call that nobody traces pays nothing. _wire/traces.py is the twin.

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The name of the function itself, and the traceparent, if there is one.
 * @param {string} name @returns {{name: string, traceparent: string | undefined}}
 */
function splitName (name) {
  const mark = name.indexOf('\0');
  const traceparent = mark < 0 ? undefined : readTraceparent(name.slice(mark + 1));
  return { name: traceparent === undefined ? name : name.slice(0, mark), traceparent }
}

/** The traceparent, if it is one. @param {string | undefined} text @returns {string | undefined} */
function readTraceparent (text) {
  return text !== undefined && TRACEPARENT.test(text) ? text : undefined
}

// The calls of one connection: from the frame that asks for one to the frame that ends it. A call has one end only.


/** @typedef {import('./ends.mjs').End} End */

class Calls {
  /** @param {import('./connection.mjs').Connection} connection */
  constructor (connection) {
    this.connection = connection;
    this.worker = connection.worker;
    /** @type {Map<number, Call>} those that go on after their function has returned, and have not been answered */
    this.open = new Map();
    this.timeOut = this.timeOut.bind(this);
  }

  /**
   * A CALL has come in, in bytes[at..end).
   * @param {number} id @param {Buffer} bytes @param {number} at @param {number} end @param {boolean} owned
   */
  begin (id, bytes, at, end, owned) {
    const { worker } = this;
    const start = at + HEADER_SIZE + (bytes[at + 10] | bytes[at + 11] << 8);
    if (start > end) throw new FrameError('The name of a function is longer than its frame.')
    if (id === 0 || this.open.has(id)) throw new FrameError(`A call came in under the id ${id}, which ${id === 0 ? 'is none' : 'is in use'}.`)
    if (worker.takesNoCalls) return this.refuseWith(id, STOPPING) // before the name: its successor may have a function of it
    let name = bytes.utf8Slice(at + HEADER_SIZE, start);
    let entry = worker.host.functions[name];
    let traceparent;
    if (entry === undefined) {
      ({ name, traceparent } = splitName(name));
      entry = worker.host.functions[name];
    }
    if (entry === undefined) return this.refuseWith(id, unknownFunction(name, Object.keys(worker.host.functions)))
    const milliseconds = readUint32(bytes, at + 12);
    const flags = bytes[at + 9];
    const call = new Call(id, name, milliseconds === 0 ? 0 : this.connection.arrival + milliseconds, milliseconds, (flags & STREAM) !== 0, ++worker.count);
    if (call.deadline !== 0 && (flags & PATIENT) === 0 && performance.now() > call.deadline) return this.refuseWith(id, TOO_LATE)
    if (traceparent !== undefined) call.traceparent = traceparent;
    this.run(call, entry, bytes, start, end, flags, owned);
  }

  /**
   * @param {Call} call @param {import('./functions.mjs').FunctionEntry} entry
   * @param {Buffer} bytes @param {number} start @param {number} end @param {number} flags @param {boolean} owned
   */
  run (call, entry, bytes, start, end, flags, owned) {
    const { worker } = this;
    let data, isLater;
    /** @type {any} */
    let value;
    if ((flags & RICH) !== 0) call.questions = new Questions(this.connection, call);
    try {
      data = decodeValue(bytes, start, end, flags, owned, call.questions);
    } catch (error) {
      return this.refuse(call.id, error)
    }
    if ((flags & PATIENT) !== 0) call.renew();
    if (worker.host.metrics !== null) worker.host.metrics.began(call, this.connection.arrival);
    worker.begin(call);
    try {
      value = worker.attribution.scope(call, entry.goesOn).runInAsyncScope(entry.run, entry, worker.host, data, call);
      isLater = value !== null && typeof value === 'object' && typeof value.then === 'function';
    } catch (error) {
      worker.pause();
      return this.fail(call, error)
    }
    worker.pause();
    if (isLater) {
      entry.goesOn = true;
      this.wait(call, value);
    } else this.settle(call, value);
  }

  /** The data can not be read: the function does not run. @param {number} id @param {unknown} error */
  refuse (id, error) {
    if (error instanceof FrameError) throw error
    this.refuseWith(id, { ...badValue(/** @type {Error} */ (error)), maybeExecuted: false });
  }

  /** The call, or its result, is not taken. @param {number} id @param {import('./messages.mjs').ErrorMessage} error */
  refuseWith (id, error) {
    this.worker.host.metrics?.refuse(error.type);
    this.tell(id, error);
  }

  /** @param {number} id @param {import('./messages.mjs').ErrorMessage} error */
  tell (id, error) {
    this.connection.write(errorFrame(id, error, this.worker.limit));
  }

  /** The result comes later. @param {Call} call @param {PromiseLike<unknown>} promise */
  wait (call, promise) {
    this.keep(call);
    Promise.resolve(promise).then((value) => this.settle(call, value), (error) => this.fail(call, error));
  }

  /** The call goes on. @param {Call} call */
  keep (call) {
    if (this.open.has(call.id)) return
    this.open.set(call.id, call);
    this.worker.wait(call, this.timeOut);
  }

  /** @param {Call} call @param {unknown} value */
  settle (call, value) {
    const late = call.deadline !== 0 && performance.now() > call.deadline;
    if (isStream(value)) return this.stream(call, value, late)
    if (!this.end(call, late ? TIMEOUT : OK)) return
    if (late) this.timedOut(call);
    else this.answer(call.id, value);
  }

  /** The result comes in parts. @param {Call} call @param {unknown} stream @param {boolean} late */
  stream (call, stream, late) {
    if (call.settled || late || !call.streams) {
      if (this.end(call, late ? TIMEOUT : ERROR)) late ? this.timedOut(call) : this.tell(call.id, unwantedStream(call.name));
      return closeStream(this.worker.host, call.name, stream)
    }
    this.keep(call);
    try {
      call.pump = new Pump(this, call, stream);
    } catch (error) {
      return this.fail(call, error)
    }
    this.worker.attribution.within(call, () => call.pump?.run());
  }

  /** A stream has ended. @param {Call} call */
  finish (call) {
    if (this.end(call, OK)) this.connection.write(textFrame(call.id, END, ''));
  }

  /** @param {Call} call @param {unknown} error */
  fail (call, error) {
    const fault = call.questions?.faultOf(error);
    if (this.end(call, ERROR)) this.tell(call.id, { ...describeError(error), fault, maybeExecuted: true });
  }

  /** @param {Call} call */
  timeOut (call) {
    if (call.settled) return
    this.timedOut(call);
    this.abandon(call, new DOMException('The deadline of the call has passed.', 'TimeoutError'), TIMEOUT);
  }

  /** @param {Call} call */
  timedOut (call) {
    this.tell(call.id, timedOut(call.time, this.worker.host.functions[call.name].callbackStyle, call.pump !== null));
  }

  /** Nobody waits for the call any more: its function may notice, or go on in vain. @param {Call} call @param {DOMException} reason @param {End} [end] */
  abandon (call, reason, end = CANCELLED) {
    if (!this.end(call, end)) return
    if (call.pump === null) this.worker.host.counters.abandoned++;
    call.abort(reason);
  }

  /** The calls can not be waited for much longer: streams end here, the others may still answer. */
  outOfTime () {
    for (const call of [...this.open.values()]) {
      const reason = outOfTime();
      if (call.pump !== null) this.fail(call, reason);
      call.abort(reason);
    }
  }

  /** @param {DOMException} reason */
  abandonAll (reason) {
    for (const call of [...this.open.values()]) this.abandon(call, reason);
  }

  /** A call ends once; what comes later is dropped. @param {Call} call @param {End} end @returns {boolean} */
  end (call, end) {
    if (call.settled) return false
    call.settled = true;
    if (this.worker.host.metrics !== null) this.worker.host.metrics.ended(call, end);
    if (call.questions !== null) call.questions.end();
    if (call.slot !== null) this.worker.attribution.giveBack(call);
    if (this.open.delete(call.id)) this.worker.done(call);
    return true
  }

  /** The caller has cancelled a call. @param {number} id */
  cancel (id) {
    const call = this.open.get(id);
    if (call !== undefined) this.abandon(call, new DOMException('The caller has cancelled the call.', 'AbortError'));
  }

  /** @param {number} id @param {unknown} value */
  answer (id, value) {
    let frame;
    try {
      frame = this.encode(id, RESULT, value);
    } catch (error) {
      return this.refuseWith(id, describeRefused(error))
    }
    this.connection.write(frame);
    if (Array.isArray(frame)) this.connection.flush(); // before functions that run next change the memory
  }

  /**
   * The frame of a value. Throws what says why it can not cross.
   * @param {number} id @param {number} kind @param {unknown} value
   */
  encode (id, kind, value) {
    const frame = valueFrame(id, kind, value);
    const size = bodyLength(frame);
    if (size > this.worker.limit) throw new TooLarge(size, this.worker.limit)
    return frame
  }

  /** Part of a stream can not cross. @param {Call} call @param {unknown} error */
  refuseResult (call, error) {
    if (this.end(call, ERROR)) this.refuseWith(call.id, describeRefused(error));
  }
}

/** What a caller is told of a value that was not written. @param {unknown} error */
function describeRefused (error) {
  if (error instanceof ValueNotSupported) return badValue(error)
  return error instanceof TooLarge ? error.description : { ...describeError(error), maybeExecuted: true }
}

// How long a client may take over what it has begun: its hello, and the rest of a frame of which part has come.


/** How long a client may take for its first frame, in ms. */
const HELLO_TIMEOUT = 5000;

/** How long the rest of a frame is waited for, in ms, and as long again for each LEAST_PROGRESS bytes that come. */
const FRAME_TIMEOUT = 30_000;
const LEAST_PROGRESS = 32 * 1024;

/**
 * Calls `look` after so many ms, when what has come meanwhile was read: the event loop may have been busy all the time.
 * @param {number} time @param {() => void} look
 */
function later (time, look) {
  return setTimeout(setImmediate, time, look)
}

/** Looks after the half-received frame of one connection. */
class Patience {
  /** @param {{bytes: number, listening: boolean, reader: import('./frames.mjs').FrameReader, protocolError: (error: unknown) => void}} connection */
  constructor (connection) {
    this.connection = connection;
    /** @type {NodeJS.Timeout | null} */
    this.timer = null;
  }

  /** Part of a frame has come, or no part is left. */
  look () {
    this.end();
    if (!this.connection.reader.isPartial) return
    const before = this.connection.bytes;
    const timer = this.timer = later(FRAME_TIMEOUT, () => { if (this.timer === timer) this.#judge(before); });
  }

  end () {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** @param {number} before how many bytes had come when the waiting began */
  #judge (before) {
    this.end();
    const { bytes, listening } = this.connection;
    if (!listening || bytes - before >= LEAST_PROGRESS) return this.look()
    this.connection.protocolError(new FrameError(`Part of a frame came, and its rest not within ${FRAME_TIMEOUT / 1000} s.`));
  }
}

// Spinning: keep the event loop turning for a moment after an answer, while calls follow one another closely.
//
// An event loop that sleeps in the kernel costs a wake-up, several times the call itself. One that re-arms
// setImmediate polls its sockets without sleeping; timers, promises and other sockets go on as usual. In vain it costs
// processor time, and on busy processors keeps the client from running. So the loop turns only while that pays: for about
// twice as long as the last calls took to come, less often after each time in a row that was in vain, and not at all for a while
// after it was itself interrupted again and again. _client/spin.py does the same on the other side.


/** How long the loop turns at least, in ms. */
const SHORTEST_SPAN = 0.03;
/** After spans in which no call came, one after the other, at most this many answers do without. */
const MAX_SKIP = 64;
/** A turn that took longer than this (in ms) was interrupted for another process. */
const INTERRUPTED = 2;
/** Two of those within this time (in ms), or one so soon after a rest, are a busy processor. One alone is a thread of Node's own, which compiles or collects. */
const BUSY = 100;
/** For how many times as long as the second took there is no spinning then, and at most for so long, in ms. */
const REST = 60;
const LONGEST_REST = 250;
/**
 * After so many quick answers in a row to one client its mailbox is looked into. One that is not quick halves their number, and below
 * half of it nobody looks any more.
 */
const ENOUGH = 16;
/** What takes longer (in ms) is not: a client looks into its mailbox for a little longer only. */
const QUICK = 0.02;

/** @typedef {{mailbox: import('./mailbox.mjs').Mailbox | null, arrival: number, look: () => void}} Caller */

class Spinner {
  /** @param {number} microseconds how long to keep turning after an answer at most; 0 is never */
  constructor (microseconds) {
    this.limit = microseconds / 1000;
    this.span = this.limit;
    this.until = 0;
    this.lastAnswer = -Infinity;
    this.lastTurn = 0;
    this.interrupted = -Infinity;
    this.restUntil = -Infinity;
    this.skip = 0;
    this.backOff = 0;
    this.turning = false;
    /** @type {Caller | null} who was answered last, and how many times quickly in a row */
    this.caller = null;
    this.inARow = 0;
    this.turn = () => {
      this.caller?.look();
      this.next(performance.now());
    };
  }

  /** Go on turning, or sleep. @param {number} now */
  next (now) {
    const spent = now - this.lastTurn;
    this.lastTurn = now;
    if (spent > INTERRUPTED) this.rest(now, spent);
    this.turning = now < this.until && now >= this.restUntil;
    if (this.turning) setImmediate(this.turn);
    else this.inVain();
  }

  /** No call came. One such time says little: the next answer does without only if it was not the first. */
  inVain () {
    this.caller?.mailbox?.sleep();
    this.skip = this.backOff;
    this.backOff = Math.min(this.backOff * 2 || 1, MAX_SKIP);
  }

  /** A turn was interrupted. @param {number} now @param {number} spent */
  rest (now, spent) {
    if (now - Math.max(this.interrupted, this.restUntil) < BUSY) this.restUntil = now + Math.min(spent * REST, LONGEST_REST);
    this.interrupted = now;
  }

  /**
   * Whether a request that arrives now follows the last answer closely, so that the next one is likely to.
   * @param {number} now
   */
  isClose (now) {
    const gap = now - this.lastAnswer;
    if (gap >= this.limit) return false
    this.span = Math.min(Math.max(gap * 2, SHORTEST_SPAN), this.limit);
    if (this.turning) this.backOff = 0;
    return true
  }

  /**
   * An answer was written.
   * @param {boolean} close what `isClose()` said when its request arrived
   * @param {Caller} caller whose answer
   * @returns {number} when that was
   */
  answered (close, caller) {
    const now = performance.now();
    if (this.limit === 0) return now
    this.lastAnswer = this.lastTurn = now;
    if (close && now >= this.restUntil) this.spin(now);
    this.attend(caller, now);
    return now
  }

  /**
   * The caller's mailbox is looked into if enough was quick, and nobody else's: only while the loop turns is one awake, and only this one.
   * @param {Caller} caller @param {number} now
   */
  attend (caller, now) {
    if (caller !== this.caller) {
      this.caller?.mailbox?.sleep();
      this.caller = caller;
      this.inARow = 0;
    }
    this.inARow = now - caller.arrival < QUICK ? Math.min(this.inARow + 1, ENOUGH) : this.inARow >> 1;
    if (caller.mailbox === null) return
    if (this.inARow === ENOUGH && this.turning) caller.mailbox.wake();
    else if (this.inARow < ENOUGH / 2) caller.mailbox.sleep();
  }

  /** @param {Caller} caller who is gone */
  forget (caller) {
    if (this.caller === caller) this.caller = null;
  }

  /** @param {number} now */
  spin (now) {
    if (this.skip > 0 && !this.turning) return void this.skip--
    this.until = now + this.span;
    if (this.turning) return
    this.turning = true;
    setImmediate(this.turn);
  }
}

// Attribution: which call is behind what happens now, for the lines of its console. And which is not: each call has a scope of its
// own, so that what it enters by AsyncLocalStorage is seen by no other call of its connection.
//
// While a function is on the stack it is plain whose line it is. After an `await` Node knows it, by AsyncLocalStorage; but before
// Node 24 that slows every promise of the program down. There a line belongs to the only call in flight, if there is just one.
//
// Since Node 24 only `storage.run()` is slow, for it makes a new context each time. So contexts are made once, and lent to one
// call after the other: that costs a call that goes on after it has returned some 30 ns, and others 10. A context is lent again
// after SLOTS others; what a call says later than that bears the name of another one.

/** @typedef {import('./functions.mjs').Call} Call @typedef {import('./functions.mjs').FunctionEntry} FunctionEntry */
/** @typedef {{name: string, number: number}} Origin a call, or what is left of it */
/** @typedef {{origin: Origin, scope: import('node:async_hooks').AsyncResource}} Slot */

const FIRST_CHEAP_NODE = 24;

/** How many contexts there are at most: calls in flight beyond that have none. */
const SLOTS = 1024;

class Attribution {
  /** @param {import('./worker.mjs').Worker} worker @param {string} [version] of Node */
  constructor (worker, version = process.versions.node) {
    this.worker = worker;
    const hooks = process.getBuiltinModule('node:async_hooks');
    this.Scope = hooks.AsyncResource;
    /** Where nothing was entered yet. Before Node 24, whoever enters something in a scope leaves it there. */
    this.clean = new this.Scope('js-host');
    /** @type {import('node:async_hooks').AsyncLocalStorage<Slot> | null} */
    this.storage = parseInt(version) >= FIRST_CHEAP_NODE ? new hooks.AsyncLocalStorage() : null;
    this.made = 0;
    /** @type {Slot[]} a ring of those that are free; the one that was given back first is lent first */
    this.free = [];
    this.first = 0;
    this.count = 0;
  }

  /**
   * Where the call's function is to run.
   * @param {Call} call @param {boolean} goesOn after it has returned, as far as is known
   * @returns {import('node:async_hooks').AsyncResource}
   */
  scope (call, goesOn) {
    if (this.storage === null) return new this.Scope('js-host call')
    if (goesOn && call.slot === null) call.slot = this.lend(call);
    return call.slot === null ? this.clean : call.slot.scope
  }

  /**
   * Do work that is the call's, and so is what follows from it, until the call has ended and long after.
   * @template T @param {Call} call @param {() => T} work @returns {T}
   */
  within (call, work) {
    return this.scope(call, true).runInAsyncScope(work)
  }

  /** @param {Call} call @returns {Slot | null} */
  lend (call) {
    if (this.made < SLOTS) return this.make(call)
    if (this.count === 0) return null
    const slot = this.free[this.first];
    this.first = (this.first + 1) % SLOTS;
    this.count--;
    slot.origin = call;
    return slot
  }

  /** @param {Origin} origin @returns {Slot} */
  make (origin) {
    this.made++;
    const slot = /** @type {Slot} */ ({ origin });
    this.clean.runInAsyncScope(() => this.storage?.run(slot, () => { slot.scope = new this.Scope('js-host call'); }));
    return slot
  }

  /** The call has ended. What it says from now on is still its own. @param {Call} call */
  giveBack (call) {
    const slot = /** @type {Slot} */ (call.slot);
    slot.origin = { name: call.name, number: call.number };       // and nothing else of the call is kept
    this.free[(this.first + this.count++) % SLOTS] = slot;
  }

  /** @returns {Origin | null} */
  current () {
    const { running, waiting } = this.worker;
    return running ?? this.storage?.getStore()?.origin ?? (waiting.size === 1 ? waiting.keys().next().value ?? null : null)
  }
}

// A worker: what all connections of this process share. Which calls run, by when they must be done, and draining.


/** How long a draining worker goes on answering "I am stopping" to clients that have not noticed yet, in ms. */
const LINGER = 100;

/** How long the cell of the nearest deadline may be out of date, in ms; less than the watchdog's grace. */
const REFRESH = 50;

/** What setTimeout takes at most. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The cells that the watchdog's thread sees: moments on this thread's performance.now(), in ms. */

/** Cell: by when the function on the stack must be done; 0 while there is none, Infinity if it has no deadline. */
const RUNNING = 0;
/** Cell: the nearest deadline of the calls that wait for a promise, or an earlier moment; 0 while there are none. */
const NEAREST = 1;
/** Cell: 1 as soon as the supervisor has said that this worker is to drain, also while the event loop is blocked. */
const LEAVING = 2;
/** Cell: how many calls without a deadline wait for a promise: they may block the event loop for as long as they like. */
const ENDLESS = 3;
/** Cell: counts how often the event loop came round to a question of the watchdog. */
const TURNS = 4;

/** How many cells there are. */
const CELLS = 5;

/** @typedef {import('./functions.mjs').Call} Call @typedef {(call: Call) => void} OnDeadline */

class Worker {
  /**
   * @param {import('./host.mjs').Host} host
   * @param {{spin?: number, sockets?: string[]}} [options] `spin` in microseconds; the private `sockets` of its host's workers
   */
  constructor (host, { spin = 0, sockets = [] } = {}) {
    this.host = host;
    this.limit = host.config.requestDataLimit;
    this.spinner = new Spinner(spin);
    this.sockets = sockets;
    this.attribution = new Attribution(this);
    /** How many calls it was asked for. */
    this.count = 0;
    /** @type {import('./watchdog.mjs').Watchdog | null} */
    this.watchdog = null;
    /** @type {Float64Array<ArrayBufferLike>} what the watchdog's thread sees of this one */
    this.cells = new Float64Array(CELLS);
    /** @type {Set<import('./connection.mjs').Connection>} */
    this.connections = new Set();
    /** @type {Map<Call, NodeJS.Timeout | null>} calls that wait for a promise, with their timers; null without a deadline */
    this.waiting = new Map();
    /** @type {Call | null} the call whose function is on the stack now */
    this.running = null;
    this.refreshing = false;
    this.draining = false;
    this.onIdle = () => {};
    /** What every client is to be told: the code that this worker runs is not the newest. */
    this.warning = '';
  }

  /** Let a watchdog see what runs. @param {import('./watchdog.mjs').Watchdog} watchdog */
  watch (watchdog) {
    this.watchdog = watchdog;
    this.cells = watchdog.cells;
    watchdog.onDoubt = () => this.refreshNearest();
    this.refreshNearest();
    for (const connection of this.connections) connection.takeSeat();
  }

  /** What a client is told first. @param {boolean} isNear it is on this machine, where the sockets of all workers are */
  hello (isNear) {
    const { host, limit, sockets } = this;
    const near = isNear && sockets.length > 0 ? { port: host.config.port, sockets } : {};
    return { version: host.version, node: process.version, pid: process.pid, limit, workers: sockets.length || 1, ...near, functions: Object.keys(host.functions) }
  }

  status () {
    return this.host.status()
  }

  /** What the supervisor is told when it asks: how many calls there were, which functions run, bytes of JavaScript's heap. */
  report () {
    const { counters, metrics } = this.host;
    const report = { calls: counters.calls, running: this.inFlight(), heap: process.memoryUsage().heapUsed };
    if (metrics === null) return report
    const clients = [...this.connections].filter((connection) => connection.greeted);
    return { ...report, counters: metrics.counters(), gauges: { ...metrics.gauges(), connections: clients.length } }
  }

  /** @param {import('./connection.mjs').Connection} connection */
  opened (connection) {
    this.connections.add(connection);
  }

  /** @param {import('./connection.mjs').Connection} connection */
  closed (connection) {
    this.connections.delete(connection);
    this.watchdog?.closed(connection.seat);
    if (this.draining) this.checkIdle();
  }

  /**
   * Run a call that came alone, over HTTP. It has no deadline.
   * @param {import('./functions.mjs').FunctionEntry} entry @param {unknown} data @param {Call} call
   */
  async runAlone (entry, data, call) {
    call.number = ++this.count;
    this.waitForEver(call);
    this.begin(call);
    const result = this.host.runAlone(entry, data, call);
    this.pause();
    try {
      return await result
    } finally {
      this.done(call);
    }
  }

  /** Nobody waits for such a call any more. @param {Call} call @param {Error} reason */
  abandon (call, reason) {
    this.done(call);
    call.abort(reason);
  }

  /** The call's function is about to be on the stack. @param {Call} call */
  begin (call) {
    this.running = call;
    this.cells[RUNNING] = call.deadline === 0 ? Infinity : call.deadline;
  }

  /** No function is on the stack. */
  pause () {
    this.running = null;
    this.cells[RUNNING] = 0;
  }

  /**
   * The call waits for a promise.
   * @param {Call} call @param {OnDeadline} onDeadline
   */
  wait (call, onDeadline) {
    if (call.deadline === 0) return this.waitForEver(call)
    const left = Math.min(Math.max(call.deadline - performance.now(), 1), LONGEST_TIMER);
    this.waiting.set(call, setTimeout(() => this.due(call, onDeadline), left));
    if (this.cells[NEAREST] === 0 || call.deadline < this.cells[NEAREST]) this.cells[NEAREST] = call.deadline;
  }

  /** @param {Call} call */
  waitForEver (call) {
    this.waiting.set(call, null);
    this.cells[ENDLESS]++;
  }

  /**
   * The next part of a stream is taken: its deadline counts from now. Its timer is not touched for that, but looks when it is due.
   * @param {Call} call @param {OnDeadline} onDeadline
   */
  renew (call, onDeadline) {
    if (call.time === 0) return
    if (call.deadline === this.cells[NEAREST]) this.outdated();
    call.renew();
    const timer = this.waiting.get(call);
    if (timer === null) this.cells[ENDLESS]--;
    if (timer == null) this.wait(call, onDeadline);
  }

  /** @param {Call} call @param {OnDeadline} onDeadline */
  due (call, onDeadline) {
    if (call.deadline !== 0 && call.deadline <= performance.now()) onDeadline(call);
    else this.wait(call, onDeadline);
  }

  /** The call, which waited, has ended. @param {Call} call */
  done (call) {
    const timer = this.waiting.get(call);
    if (timer === null) this.cells[ENDLESS]--;
    else clearTimeout(timer);
    this.waiting.delete(call);
    if (this.waiting.size === 0) this.cells[NEAREST] = 0;
    else if (call.deadline === this.cells[NEAREST]) this.outdated();
    if (this.draining) this.checkIdle();
  }

  /** The nearest deadline is none any more. It is not looked for at each end of a call, but soon: the watchdog trusts it. */
  outdated () {
    if (this.refreshing) return
    this.refreshing = true;
    setTimeout(() => this.refreshNearest(), REFRESH).unref();
  }

  /** Find the nearest deadline of the calls that wait. */
  refreshNearest () {
    this.refreshing = false;
    let nearest = Infinity;
    for (const call of this.waiting.keys()) if (call.deadline !== 0 && call.deadline < nearest) nearest = call.deadline;
    this.cells[NEAREST] = nearest === Infinity ? 0 : nearest;
  }

  /** Whether other workers have its calls from now on. */
  get takesNoCalls () {
    return this.draining || this.cells[LEAVING] !== 0
  }

  /** Names of the functions that have not ended: one of them is behind what happens to the process now. */
  inFlight () {
    if (this.running !== null) return [this.running.name]
    return [...new Set([...this.waiting.keys()].map((call) => call.name))]
  }

  /**
   * Take no more calls, finish those that run, then call `onIdle`.
   * @param {() => void} onIdle @param {number} [time] how long that may take, in ms; 0 is as long as it likes
   */
  drain (onIdle, time = 0) {
    if (this.draining) return
    this.draining = true;
    this.onIdle = onIdle;
    if (time > 0) setTimeout(() => this.outOfTime(), Math.min(noticeTime(time), LONGEST_TIMER)).unref();
    for (const connection of this.connections) if (connection.greeted) connection.takeLeave(this.leaving()); // others: after the hello
    this.lingering = this.connections.size > 0;
    if (this.lingering) setTimeout(() => { this.lingering = false; this.checkIdle(); }, LINGER);
    this.checkIdle();
  }

  /** What clients are told where no further call will be taken. */
  leaving () {
    return byeFrame({ reason: 'draining', message: 'The worker is stopping.' })
  }

  /** The supervisor is about to end this process. */
  outOfTime () {
    for (const connection of this.connections) connection.calls.outOfTime();
  }

  checkIdle () {
    if (this.isIdle()) setImmediate(() => { if (this.isIdle()) this.onIdle(); });
  }

  /** Whether no call runs, and all answers have left. */
  isIdle () {
    if (this.waiting.size > 0 || (this.lingering && this.connections.size > 0)) return false
    for (const connection of this.connections) if (connection.unsent) return false
    return true
  }

  /** Tell every client, also those that come later. @param {string} text */
  warn (text) {
    this.warning = text;
    for (const connection of this.connections) if (connection.greeted) connection.write(warningFrame(text)); // others: after the hello
  }

  /** Tell every client what becomes of its calls. @param {{reason: string, message: string, [field: string]: unknown}} bye */
  goodbye (bye) {
    const frame = byeFrame(bye);
    for (const connection of this.connections) {
      if (!connection.greeted) continue // its client would take it for no hello; the end of the connection tells it enough
      connection.takeLeave(frame);
      connection.flush();
    }
  }
}

// A connection: one client's socket, the frames that come in on it and those that go out. What the calls do is in calls.mjs.


/** What a client's first frame may have at most, in bytes: it is read before anybody knows who speaks. */
const MAX_HELLO = 16 * 1024;
/** For how long the calls of one client run before its answers are sent, and timers and other clients have their turn, in ms. */
const LONGEST_TURN = 1;

/** A client that has so many bytes of answers to read is not listened to before it has read them. */
const MOST_UNSENT = 64 * 1024 * 1024;

/** Whether memory can be shared, and is seen in the order in which it was written: elsewhere there are no mailboxes. */
const CAN_SHARE = process.platform === 'linux' && process.arch === 'x64';

/**
 * @typedef {object} Source exactly one of them
 * @property {number} [fd] an inherited descriptor
 * @property {any} [handle] the handle of a socket on which nothing was read yet
 * @property {Socket} [stream] a socket that has to decrypt what it reads
 * @property {boolean} [isNear] besides: the client is on this machine, and came to a shared socket
 * @property {boolean} [isPrivate] besides: it came to a private socket, so that it may do all that this process may
 * @typedef {(said: unknown) => true | Promise<unknown>} Admits whether a token is the right one; or when to say that it is not
 */

class Connection {
  /**
   * @param {Worker} worker
   * @param {Source} source
   * @param {Buffer} [head] bytes that were read already
   * @param {Admits | null} [admits] asked about the token of the hello
   */
  constructor (worker, source, head, admits = null) {
    this.worker = worker;
    this.admits = admits;
    this.isNear = source.isNear === true;
    this.canShare = source.isPrivate === true && worker.spinner.limit > 0 && CAN_SHARE;
    this.calls = new Calls(this);
    /** @type {Uint8Array[]} what the chunk being read has answered so far */
    this.out = [];
    this.reading = false;
    this.feeding = false;
    this.flushing = false;
    this.greeted = false;
    /** The client broke the rules: nothing more of what it says is read. */
    this.broken = false;
    this.unsent = false;
    this.listening = true;
    /** When the chunk being read came in: deadlines count from here. */
    this.arrival = 0;
    /** When the mailbox was found empty last: the call that lies in it was put there since. */
    this.emptyAt = 0;
    /** When this turn began, and whether a call has run in it. */
    this.since = 0;
    this.hasRun = false;
    this.bytes = 0;
    this.patience = new Patience(this);
    /** Where others may write in the clear; -1 if nowhere. @type {number} */
    this.fd = source.fd ?? source.handle?.fd ?? -1;
    /** Where the watchdog knows this connection. */
    this.seat = -1;
    /** @type {import('./mailbox.mjs').Mailbox | null} */
    this.mailbox = null;
    this.flush = this.flush.bind(this);
    this.goOn = this.goOn.bind(this);
    this.reader = new FrameReader(this.onFrame.bind(this), Math.min(worker.limit, MAX_HELLO));
    const isOurs = source.stream === undefined;
    if (head !== undefined && isOurs) this.reader.begin(head); // a new socket asks at once where to write what it reads
    /** @type {Socket} */
    this.socket = source.stream ?? new net.Socket({
      ...source,
      onread: { buffer: () => this.reader.getBuffer(), callback: (count) => this.onRead(count) }
    });
    this.takeSeat();
    if (!isOurs) this.socket.on('data', (bytes) => this.feed(bytes));
    this.socket.on('error', () => {});        // a reset is followed by 'close', which says all there is to say
    this.socket.on('end', () => this.socket.destroy());
    this.socket.on('close', () => this.closed());
    this.greeting = later(HELLO_TIMEOUT, () => { if (!this.greeted) this.socket.destroy(); });
    worker.opened(this);
    if (head === undefined || this.takeHead(head, isOurs)) this.socket.resume();
  }

  /** @param {Buffer} head @param {boolean} isOurs it is in the reader already @returns {boolean} whether to read on */
  takeHead (head, isOurs) {
    if (isOurs) return this.onRead(0)
    this.feed(head);
    return this.listening
  }

  takeSeat () {
    if (this.socket.destroyed) return // its descriptor is closed, and may be another's, although 'close' is still to come
    if (this.worker.watchdog !== null && this.fd >= 0) this.seat = this.worker.watchdog.opened(this.fd);
  }

  /** @param {Buffer} bytes */
  feed (bytes) {
    this.feeding = true;
    for (let at = 0; at < bytes.length;) {
      const count = bytes.copy(this.reader.getBuffer(), 0, at, at + READ_SIZE);
      this.onRead(count);
      at += count;
    }
    this.feeding = false;
    if (!this.listening) this.socket.pause();
  }

  /**
   * `count` bytes have arrived.
   * @param {number} count @returns {boolean} whether to read on
   */
  onRead (count) {
    if (this.broken) return true
    this.arrival = this.since = performance.now();
    this.bytes += count;
    return this.take(this.reader, count, this.worker.spinner.isClose(this.arrival))
  }

  /** The event loop turns: a call may lie in the mailbox. */
  look () {
    const { mailbox, reader } = this;
    if (mailbox === null || !mailbox.isAwake || !this.listening || reader.isHeld || reader.isPartial || this.broken || !mailbox.hasCall()) return
    this.emptyAt = this.worker.spinner.lastTurn;
    this.arrival = this.since = performance.now();
    if (!this.take(mailbox, 0, this.worker.spinner.isClose(this.arrival))) this.socket.pause();
  }

  /**
   * Run what is complete, then write all answers at once.
   * @param {{received: (count: number) => void}} source where from @param {number} count how many bytes have arrived for a reader
   * @param {boolean} close they followed the last answer closely
   * @returns {boolean} whether to read on now
   */
  take (source, count, close) {
    this.reading = true;
    this.hasRun = false;
    try {
      source.received(count);
    } catch (error) {
      this.protocolError(error);
    }
    this.reading = false;
    this.flush();
    const now = this.worker.spinner.answered(close, this);
    if (this.broken) return true // what nobody has read when a socket is closed keeps the client from reading why
    if (this.reader.isPartial !== (this.patience.timer !== null)) this.patience.look();
    const { writableLength } = this.socket;
    this.listening = writableLength < MOST_UNSENT;
    if (!this.listening) return false
    if (writableLength === 0 && !this.reader.isHeld && now - this.since < LONGEST_TURN) return true
    setImmediate(this.goOn); // libuv would read up to 32 times before anybody else had a turn, and what could not be sent, too
    return false
  }

  /** The event loop has turned, or the client has read what it had to read. */
  goOn () {
    if (this.socket.destroyed || !this.listening) return
    this.since = performance.now();
    if (!this.reader.isHeld || this.take(this.reader, 0, false)) this.socket.resume();
  }

  /** @param {Buffer} bytes @param {number} at @param {number} length @param {boolean} owned @returns {unknown} HELD if its turn is the next one */
  onFrame (bytes, at, length, owned) {
    const kind = bytes[at + 8];
    const id = readUint32(bytes, at + 4);
    const start = at + HEADER_SIZE;
    if ((kind === CALL || kind === LOOK) && this.greeted) {
      if (this.hasRun && performance.now() - this.since > LONGEST_TURN) {
        if (!this.feeding) return HELD
        this.flush(); // to feed has no turns
        this.since = performance.now();
      }
      this.hasRun = true;
      return kind === CALL ? this.calls.begin(id, bytes, at, start + length, owned) : this.onLook(id)
    }
    if (kind === HELLO && !this.greeted) return this.onHello(bytes, start, start + length)
    if (!this.greeted) throw new FrameError('The first frame is no hello.')
    const extra = readUint32(bytes, at + 12);
    switch (kind) {
      case CANCEL: return this.calls.cancel(id)
      case CREDIT: return this.calls.open.get(id)?.pump?.grant(extra)
      case ANSWER: case END: case FAULT:
        return this.calls.open.get(id)?.questions?.answered(kind, extra, bytes, start, start + length, bytes[at + 9], owned)
      case STATUS: return this.calls.answer(id, this.worker.status())
      case MAILBOX: return this.onMailbox(bytes, start, start + length)
      case BYE: return
      default: throw new FrameError(`A frame of an unknown kind came in: ${kind}.`)
    }
  }

  /** The client offers memory, once. @param {Buffer} bytes @param {number} start @param {number} end */
  onMailbox (bytes, start, end) {
    const offer = readOffer(bytes, start, end);
    if (!this.canShare) return this.write(mailboxFrame(false))
    this.canShare = false;
    // Late: many clients never call so often. Without descriptors it can not be loaded.
    Promise.resolve().then(() => (require.cache[__filename] = module, require('./mailbox.cjs'))).then((module) => this.share(module, offer), () => this.write(mailboxFrame(false)));
  }

  /** @param {typeof import('./mailbox.mjs')} module @param {import('./mailbox.mjs').Offer} offer */
  share ({ openMailbox }, offer) {
    if (this.socket.destroyed) return
    this.mailbox = openMailbox(offer, this.worker.limit, this.onFrame.bind(this));
    this.write(mailboxFrame(this.mailbox !== null));
  }

  /** The client has put a call in, and does not look for its answer there any more. @param {number} id */
  onLook (id) {
    const { mailbox } = this;
    if (mailbox === null) throw new FrameError('The client has no mailbox.')
    this.hasRun = false; // this is the turn of the call that lies there: it can not be held
    if (mailbox.hasCall()) mailbox.received();
    if (mailbox.takenId !== id) throw new FrameError(`The call ${id} is not found in the mailbox.`)
    const answer = mailbox.takeBack(id);
    if (answer !== null) this.write(answer);
  }

  /** Say goodbye. Who has not seen the answer in its mailbox will find nobody to ask for it. @param {Buffer} bye */
  takeLeave (bye) {
    const answer = this.mailbox?.takeBack();
    if (answer != null) this.write(answer);
    this.write(bye);
  }

  /** @param {Buffer} bytes @param {number} start @param {number} end */
  onHello (bytes, start, end) {
    const { token } = readHello(bytes, start, end);
    clearTimeout(this.greeting);
    const admitted = this.admits === null ? true : this.admits(token);
    if (admitted !== true) return this.turnAway(token === undefined, admitted)
    this.greeted = true;
    this.reader.limit = this.worker.limit;
    this.write(helloFrame({ ...this.worker.hello(this.isNear), mailbox: this.canShare || undefined }));
    if (this.worker.warning !== '') this.write(warningFrame(this.worker.warning));
    if (this.worker.draining) this.write(this.worker.leaving());
  }

  /** The client did not give the token of this host. @param {boolean} silent it gave none @param {Promise<unknown>} time to say so */
  async turnAway (silent, time) {
    this.broken = true;
    await time;
    this.leave(byeFrame({ reason: 'refused', message: silent ? NO_TOKEN : WRONG_TOKEN }));
  }

  /** @param {Uint8Array | Uint8Array[]} frame */
  write (frame) {
    if (Array.isArray(frame)) for (const part of frame) this.out.push(part);
    else this.out.push(frame);
    this.scheduleFlush();
  }

  scheduleFlush () {
    if (this.reading || this.flushing) return
    this.flushing = true;
    nextTick(this.flush);
  }

  /** Write all answers that are ready in one go. */
  flush () {
    this.flushing = false;
    const { out, socket } = this;
    if (out.length === 0) return
    this.out = [];
    if (this.mailbox !== null && this.mailbox.give(out, performance.now() - this.emptyAt < QUICK)) return
    if (out.length === 1) socket.write(out[0]);
    else this.writeAll(out);
    if (socket.writableLength > 0 && !this.unsent) this.watchUnsent();
  }

  /** @param {Uint8Array[]} parts */
  writeAll (parts) {
    const { socket } = this;
    socket.cork();
    try {
      for (const part of parts) socket.write(part);
    } catch (error) {
      this.worker.host.logger.error('A connection is closed: bytes that a function gave were gone before they were sent.', error);
      socket.destroy();
    }
    socket.uncork();
  }

  /** Part of a frame waits to be sent: until it is, the watchdog must not write on this socket. */
  watchUnsent () {
    this.unsent = true;
    this.worker.watchdog?.setUnsent(this.seat, true);
    this.socket.write('', () => {
      if (this.socket.writableLength > 0) return this.watchUnsent()
      this.unsent = false;
      this.worker.watchdog?.setUnsent(this.seat, false);
      if (!this.listening) this.listenAgain();
      if (this.worker.draining) this.worker.checkIdle();
    });
  }

  /** The client has read what it had to read. */
  listenAgain () {
    this.listening = true;
    this.goOn();
  }

  /** @param {unknown} error */
  protocolError (error) {
    this.broken = true;
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof FrameError)) this.worker.host.logger.error(error);
    this.leave(byeFrame({ reason: 'protocol', message }));
  }

  /** Say one thing more, and close. @param {Buffer} bye */
  leave (bye) {
    this.out.push(bye);
    this.flush();
    this.socket.destroySoon();
  }

  /** The client is gone: nobody waits for these calls any more. */
  closed () {
    clearTimeout(this.greeting);
    this.patience.end();
    this.mailbox?.close();
    this.mailbox = null;
    this.worker.spinner.forget(this);
    this.worker.closed(this);
    this.calls.abandonAll(new DOMException('The caller is gone.', 'AbortError'));
  }
}

/**
 * The default logger, and the console of a worker: levels of console, one call one record.
 */


/** @typedef {(level: string, text: string) => void} Write */
/** @typedef {Record<'log' | 'info' | 'debug' | 'warn' | 'error' | 'trace', (...args: unknown[]) => void>} Logger */

/** What each method of console means as a level. */
const LEVELS = /** @type {const} */ ({ log: 'info', info: 'info', debug: 'debug', warn: 'warn', error: 'error', trace: 'debug' });

/**
 * @param {Write} [write]
 * @returns {Logger}
 */
function createLogger (write = writeToConsole) {
  const entries = Object.entries(LEVELS)
    .map(([method, level]) => [method, (/** @type {unknown[]} */ ...args) => write(level, util().format(...args))]);
  return Object.fromEntries(entries)
}

/**
 * Through the console, so that whoever has captured it has the log as well.
 * @type {Write}
 */
function writeToConsole (level, text) {
  const method = /** @type {'info' | 'debug' | 'warn' | 'error'} */ (level);
  console[method](text);
}

/** Methods of console that print; what is not a level of its own is 'info', save these. */
const PRINTING = [
  ...Object.keys(LEVELS), 'dir', 'dirxml', 'table', 'assert', 'count', 'countReset', 'group', 'groupCollapsed', 'groupEnd',
  'time', 'timeEnd', 'timeLog'
];
const OTHER_LEVELS = { assert: 'warn', countReset: 'warn' };

/**
 * Makes every method of the global console hand its text to `write`, which keeps groups, tables and timers as Node prints them.
 * @param {Write} write
 * @param {() => boolean} [admit] whether a line is wanted, asked before one is put into words
 * @returns {() => void} puts the methods back
 */
function captureConsole (write, admit = () => true) {
  let level = 'info';
  /** @type {any} */
  let inner;
  const target = /** @type {any} */ (console);
  const before = PRINTING.map((method) => [method, target[method]]);
  const levels = /** @type {Record<string, string>} */ ({ ...LEVELS, ...OTHER_LEVELS });
  for (const method of PRINTING) {
    target[method] = (/** @type {unknown[]} */ ...args) => {
      if (method in LEVELS && !admit()) return
      level = levels[method] ?? 'info';
      inner ??= consoleTo((text) => write(level, text));
      return inner[method](...args)
    };
  }
  return () => { for (const [method, original] of before) target[method] = original; }
}

/**
 * A console whose lines go to `write`.
 * @param {(text: string) => void} write
 */
function consoleTo (write) {
  const sink = { write: (/** @type {string} */ text) => write(text.replace(/\n$/, '')) };
  const stream = /** @type {NodeJS.WritableStream} */ (/** @type {unknown} */ (sink));
  return new console.Console({ stdout: stream, stderr: stream, ignoreErrors: false, colorMode: false })
}

/**
 * The host: the table of functions that can be called, and what they see as `this.host`.
 */


const VERSION = /** @type {string} */ (JSON.parse(fs.readFileSync(new URL('package.json', RUNTIME_URL), 'utf8')).version);

/** Left out of the status, as the original does. */
const NOT_IN_STATUS = new Set(['logger', 'silent', 'outputOnListen', 'disconnectTimeout', 'stopManagerIfNoConnections']);

class Host {
  /**
   * @param {import('./config.mjs').Config} config
   * @param {{logger?: import('./logger.mjs').Logger}} [options]
   */
  constructor (config, options = {}) {
    /** The checked values; `config` is what the user wrote, with the defaults. */
    this.settings = config;
    this.config = config.raw;
    this.version = VERSION;
    this.logger = config.logger ?? options.logger ?? createLogger();
    /** How many calls there were, and what went wrong beside them: second answers, errors after the answer, functions that nobody waits for. */
    this.counters = { calls: 0, repeatedCallbacks: 0, lateErrors: 0, abandoned: 0, refusedRequests: 0, refusedConnections: 0, wrongTokens: 0 };
    /** @type {import('./metrics.mjs').Metrics | null} where somebody asked for them */
    this.metrics = null;
    /** Where the supervisor answers for them. @type {string | undefined} */
    this.metricsAt = undefined;
    /** @type {Record<string, FunctionEntry>} */
    this.functions = Object.create(null);
    for (const name of Object.keys(config.functions)) this.addFunction(name, config.functions[name]);
  }

  /**
   * A host that is ready to be called: the config's `extendHost` has run.
   * @param {import('./config.mjs').Config} config
   * @param {{logger?: import('./logger.mjs').Logger}} [options] the logger where the config has none
   * @returns {Promise<Host>}
   */
  static async create (config, options = {}) {
    const host = new Host(config, options);
    await config.extendHost?.(host);
    return host
  }

  /** Keep metrics from now on. @param {string} place where the supervisor answers for them */
  async keepMetrics (place) {
    const { Metrics } = await Promise.resolve().then(() => (require.cache[__filename] = module, require('./metrics.cjs')));
    this.metrics = new Metrics();
    this.metricsAt = place;
  }

  /**
   * Run a call that came alone, over HTTP.
   * @param {FunctionEntry} entry @param {unknown} data @param {import('./functions.mjs').Call} call
   */
  async runAlone (entry, data, call) {
    this.metrics?.began(call, performance.now());
    try {
      const value = await entry.run(this, data, call);
      this.metrics?.ended(call, 'ok');
      return value
    } catch (error) {
      this.metrics?.ended(call, 'error');
      throw error
    }
  }

  /** Do what the config wants to have been done before the first call. What it throws is the error of the start. */
  async warmUp () {
    await this.settings.warmup?.(this);
  }

  /**
   * @param {string} name
   * @param {Function} fn
   * @returns {FunctionEntry}
   */
  addFunction (name, fn) {
    if (this.find(name) !== undefined) {
      throw new ConfigError('JS_HOST_FUNCTION_DUPLICATE', `A function has already been defined with the name "${name}"`,
        'Give one of the two another name.')
    }
    const entry = new FunctionEntry(name, fn);
    this.functions[name] = entry;
    return entry
  }

  /**
   * The table has no prototype, so whatever it answers is its own.
   * @param {string} name
   * @returns {FunctionEntry | undefined}
   */
  find (name) {
    return this.functions[name]
  }

  /** What GET /status answers. */
  status () {
    return { type: 'Host', version: this.version, config: this.serializableConfig(), counters: this.counters, metrics: this.metricsAt }
  }

  /** The config without what JSON can not say, with the names of the functions. */
  serializableConfig () {
    /** @type {Record<string, unknown>} */
    const config = {};
    for (const [name, value] of Object.entries(this.config)) {
      if (!NOT_IN_STATUS.has(name) && isSerializable(value)) config[name] = value;
    }
    config.functions = Object.keys(this.functions);
    return config
  }
}

/** @param {unknown} value */
function isSerializable (value) {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false
  }
}

// Records: what `console` says, as lines for the supervisor, each with the call that said it.
//
// A flood of them must not harm anybody: a call says so much in a second, and what is beyond that is counted.


/** @typedef {import('./attribution.mjs').Origin} Origin */

/** What is longer would reach the log in pieces, in characters. */
const LONGEST_RECORD = 32 * 1024;

/** What one call says within SPAN (in ms) at most. */
const MOST_LINES = 1000;
const MOST_CHARACTERS = 1024 * 1024;
const SPAN = 1000;

/** What a call has said in the present span. */
class Budget {
  /** @param {Origin | null} call */
  constructor (call) {
    this.call = call;
    this.since = performance.now();
    this.lines = 0;
    this.characters = 0;
    this.dropped = 0;
  }

  isSpent () {
    return this.lines >= MOST_LINES || this.characters >= MOST_CHARACTERS
  }
}

class Records {
  /** @param {(line: string) => void} write */
  constructor (write) {
    this.write = write;
    /** @type {() => Origin | null} whose line it would be now */
    this.attribute = () => null;
    /** @type {WeakMap<object, Budget>} */
    this.budgets = new WeakMap();
    /** @type {Set<Budget>} those that were exceeded, until it is told */
    this.exceeded = new Set();
    this.free = new Budget(null);             // of all that no call says
  }

  /** Whether one more line may be said now. If not, it is counted. */
  admit () {
    const budget = this.budget();
    if (!budget.isSpent()) return true
    if (budget.dropped++ === 0) {
      this.exceeded.add(budget);
      setTimeout(() => this.tell(budget), SPAN).unref();
    }
    return false
  }

  /** @param {string} level @param {string} text */
  record (level, text) {
    if (!this.admit()) return
    const budget = this.budget();
    budget.lines++;
    budget.characters += text.length;
    this.put(level, bounded(text), budget.call);
  }

  /** What may be said now, of whoever speaks. */
  budget () {
    const call = this.attribute();
    let budget = call === null ? this.free : this.budgets.get(call);
    if (budget === undefined) this.budgets.set(/** @type {Origin} */ (call), budget = new Budget(call));
    if (performance.now() - budget.since >= SPAN) this.renew(budget);
    return budget
  }

  /** @param {Budget} budget */
  renew (budget) {
    this.tell(budget);
    budget.since = performance.now();
    budget.lines = budget.characters = 0;
  }

  /** Say how much was not said. @param {Budget} budget */
  tell (budget) {
    if (budget.dropped === 0) return
    const dropped = budget.dropped;
    budget.dropped = 0;
    this.exceeded.delete(budget);
    this.put('warn', `${dropped} lines were dropped: in a second a call can say ${MOST_LINES} lines, or ${MOST_CHARACTERS} characters.`, budget.call);
  }

  /** The process is about to end. */
  tellAll () {
    for (const budget of this.exceeded) this.tell(budget);
  }

  /** @param {string} level @param {string} text @param {Origin | null} call */
  put (level, text, call) {
    this.write(`\x1e${JSON.stringify({ level, text, function: call?.name, call: call?.number })}\n`);
  }
}

/** @param {string} text */
function bounded (text) {
  return text.length <= LONGEST_RECORD ? text : `${text.slice(0, LONGEST_RECORD)}… (${text.length - LONGEST_RECORD} more characters)`
}

/** Whether only this machine can reach an address: 127.0.0.1 and its like. @param {string} address */
function isLoopback (address) {
  return /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address) || address === '::1' || address.toLowerCase() === 'localhost'
}

// From an HTTP connection to one of frames.


/** @typedef {import('./worker.mjs').Worker} Worker @typedef {import('node:net').Socket} Socket */

/**
 * Serve frames on a socket that asked for them with `Upgrade: js-host/1`.
 * @param {Worker} worker @param {Socket} socket @param {Buffer} head
 * @param {{encrypted?: boolean, admits?: import('./connection.mjs').Admits | null, onOpen?: (connection: Connection) => void}} [options]
 */
function serveUpgrade (worker, socket, head, { encrypted = false, admits = null, onOpen = () => {} } = {}) {
  const isNear = socket.remoteAddress === undefined || isLoopback(socket.remoteAddress);
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: js-host/1\r\n\r\n', () => {
    if (!socket.destroyed) onOpen(new Connection(worker, encrypted ? { stream: socket } : { ...takeHandle(socket), isNear }, head, admits));
  });
}

/**
 * Take a socket's handle away from it. The sockets of a server can not read straight into our buffers
 * (`onread`); a new one around the same handle can.
 * @param {any} socket @returns {{handle: any}}
 */
function takeHandle (socket) {
  const handle = socket._handle;
  socket._handle = null;
  socket.destroy();
  return { handle }
}

// The watchdog: a thread that outlives a stuck event loop. This is the main thread's side; watchdog_thread.mjs is the other.
//
// It ends the process when the supervisor is gone, when a function has blocked the event loop beyond its deadline, and when
// something else blocks it for long.


/** Node ends the process where it denies the inspector, so it must be asked before. */
const INSPECTS = process.permission === undefined || process.permission.has('inspector');

/** Whether somebody may stop the main thread to look at it. */
const DEBUGGED = process.execArgv.some((argument) => argument.startsWith('--inspect'));

/** How many connections the watchdog can say goodbye to; further ones just see theirs close. */
const SEATS = 4096;
/** A seat that nobody has, or whose socket has part of a frame waiting to be sent. Otherwise it holds the descriptor. */
const SILENT = -1;

class Watchdog {
  /** @param {number} control the descriptor that is read until it ends: then the supervisor is gone */
  constructor (control) {
    this.cells = new Float64Array(new SharedArrayBuffer(8 * CELLS));
    /** The descriptor of each client's socket, where a goodbye may be written. */
    this.seats = new Int32Array(new SharedArrayBuffer(4 * SEATS)).fill(SILENT);
    /** The inode of each: a socket is closed a moment before its seat is free, and its descriptor may be a file of the program by then. */
    this.inodes = new Float64Array(new SharedArrayBuffer(8 * SEATS));
    /** @type {number[]} */
    this.descriptors = [];
    const origin = Number(process.hrtime.bigint()) / 1e6 - performance.now();
    this.thread = new node_worker_threads.Worker(new URL('bundle/watchdog_thread.cjs', RUNTIME_URL), {
      workerData: { control, cells: this.cells, seats: this.seats, inodes: this.inodes, origin, RUNNING, NEAREST, LEAVING, ENDLESS, TURNS, SILENT, INSPECTS, DEBUGGED },
      stdin: false,
      stdout: true, // it prints nothing, and what it could print on takes 1 ms to make
      stderr: true,
      execArgv: [],
      env: process.env
    });
    this.thread.unref();
    /** @type {(message: any) => void} what the supervisor says */
    this.onControl = () => {};
    /** The watchdog found the nearest deadline in the past: is it still right? */
    this.onDoubt = () => {};
    this.thread.on('message', (message) => this.#hear(message));
  }

  /**
   * A client's socket has come, on which a goodbye can be written as it is.
   * @param {number} fd @returns {number} its seat
   */
  opened (fd) {
    let seat = this.descriptors.indexOf(SILENT);
    if (seat < 0) seat = this.descriptors.length;
    this.inodes[seat] = fs.fstatSync(fd).ino;
    this.descriptors[seat] = this.seats[seat] = fd;
    return seat
  }

  /** @param {number} seat */
  closed (seat) {
    if (seat < 0) return
    this.descriptors[seat] = this.seats[seat] = SILENT;
  }

  /** @param {{doubt?: true, turn?: true, control?: unknown}} message of the thread */
  #hear (message) {
    if (message.doubt) this.onDoubt();
    else if (message.turn) this.cells[TURNS]++;
    else this.onControl(message.control);
  }

  /** Whether part of a frame waits to be sent. @param {number} seat @param {boolean} unsent */
  setUnsent (seat, unsent) {
    if (seat < 0) return
    this.seats[seat] = unsent ? SILENT : this.descriptors[seat];
  }
}

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


/**
 * @typedef {{type: string, timeout?: number, text?: string, number?: number, files?: string[], since?: number}} Order what the supervisor says
 * @typedef {Record<string, (order: Order) => void>} Orders
 * @typedef {import('node:net').Socket} Socket @typedef {import('node:net').Server} Server
 */

/** How long the first calls have the worker for themselves before it begins to watch files, in ms. */
const WATCH_DELAY = 50;
/** How long a message may take to leave, in ms. */
const LONGEST_TELL = 1000;
/** What Node ends with where it waits at the top level of a module, and nothing is left to wait for. */
const UNSETTLED = 13;
/** To sleep on. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));

const [file, ...flags] = process.argv.slice(2);
const options = readFlags(flags);
const control = Number(options.control);
/** @type {import('./loads.mjs').Loads | null} */
let loads = null;
/** @type {Promise<import('./door.mjs').Door> | undefined} node:http is loaded by the first connection: most workers never see one */
let door;
/** @type {Worker | null} what serves, once the config is loaded */
let serving = null;
/** What callers on TCP must know, as a digest; gone from the environment before any code of the config runs. */
const tokenDigest = process.env.JS_HOST_TOKEN_SHA256;
delete process.env.JS_HOST_TOKEN_SHA256;
if (options.compiled !== undefined) delete process.env.NODE_COMPILE_CACHE;

process.setSourceMapsEnabled(true);
process.on('SIGINT', () => {});            // a Ctrl-C in the terminal is the supervisor's to answer
process.on('SIGTERM', () => tell({ type: 'terminated' })); // and so is what a service manager sends to all processes at once
const records = new Records((line) => { if (process.stdout.writable) process.stdout.write(line); }); // functions may end it
captureConsole((level, text) => records.record(level, text), () => records.admit());
watchLife();
start().catch(failed);

/**
 * @param {string[]} flags
 * @returns {{shared: string[], socket: string[], [name: string]: any}}
 */
function readFlags (flags) {
  const options = { shared: /** @type {string[]} */ ([]), socket: /** @type {string[]} */ ([]) };
  for (let i = 0; i < flags.length; i += 2) {
    const name = flags[i].slice(2);
    if (name === 'shared' || name === 'socket') options[name].push(flags[i + 1]);
    else Object.assign(options, { [name]: flags[i + 1] });
  }
  return options
}

async function start () {
  if (process.permission !== undefined) (await Promise.resolve().then(() => (require.cache[__filename] = module, require('./permissions.cjs')))).checkPermissions();
  process.chdir(fs.existsSync(path.dirname(file)) ? path.dirname(file) : '/');
  if (options.watch !== undefined) loads = new (await Promise.resolve().then(() => (require.cache[__filename] = module, require('./loads.cjs')))).Loads(file);
  const config = await loadConfig(file);
  if (options.port !== undefined) Object.assign(config.raw, { address: options.address, port: Number(options.port) });
  const host = await Host.create(config);
  if (options.metrics !== undefined) await host.keepMetrics(options.metrics);
  await host.warmUp();
  const worker = new Worker(host, { spin: Number(options.spin ?? 0), sockets: options.socket });
  if (options['tls-cert'] !== undefined) await (door = openDoor(worker)); // files that are no good fail the start
  records.attribute = () => worker.attribution.current();
  const said = options.hold === undefined ? [] : await hold(worker);
  if (options.connection !== undefined) new Connection(worker, { fd: Number(options.connection), isPrivate: true }); // eslint-disable-line no-new
  if (options.hold === undefined) ready(worker);
  setImmediate(() => complete(worker, said).catch(crashed)); // one that can not listen must not stay
}

/** @param {Worker} worker */
function ready (worker) {
  const { host } = worker;
  serving = worker;
  process.on('unhandledRejection', (reason) => console.error('Unhandled rejection:', reason));
  tell({ type: 'ready', pid: process.pid, node: process.version, status: host.status(), disconnectTimeout: host.settings.disconnectTimeout });
}

/** Another worker still serves in this place. @param {Worker} worker */
async function hold (worker) {
  ready(worker);
  const { wordToServe } = await Promise.resolve().then(() => (require.cache[__filename] = module, require('./hold.cjs')));
  return wordToServe(control)
}

/**
 * What can wait until the first client's hello is answered, and must be there when its call comes. Other clients wait in the
 * backlog of the sockets.
 * @param {Worker} worker @param {Order[]} said by the supervisor already
 */
async function complete (worker, said) {
  const watchdog = new Watchdog(control);
  worker.watch(watchdog);
  const servers = listenAll(worker);
  const orders = /** @type {Orders} */ ({
    drain: (order) => drain(worker, servers, order),
    warn: ({ text }) => worker.warn(text ?? ''),
    report: ({ number }) => tell({ type: 'report', number, ...worker.report() })
  });
  watchdog.onControl = (message) => orders[message.type]?.(message);
  for (const message of said) orders[message.type]?.(message);
  await servers;
  if (loads !== null) setTimeout(watchFiles, WATCH_DELAY, loads, orders).unref();
}

/**
 * Tell the supervisor when what was loaded changes.
 * @param {import('./loads.mjs').Loads} loads @param {Orders} orders of the supervisor
 */
async function watchFiles (loads, orders) {
  const { Watch } = await Promise.resolve().then(() => (require.cache[__filename] = module, require('./watch.cjs')));
  const watch = new Watch(loads, tell);
  const { drain } = orders;
  orders.drain = (order) => { watch.close(); drain(order); };
  orders['look further'] = ({ files, since }) => watch.lookFurther(files ?? [], since ?? 0);
  await watch.start();
}

/**
 * In the next turn of the event loop: the first call may be there, and to listen loads modules of Node for 2 ms.
 * @param {Worker} worker @returns {Promise<Server[]>}
 */
async function listenAll (worker) {
  await new Promise(setImmediate);
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
    const server = net.createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 }, onConnection);
    server.on('error', (error) => {
      reject(error);
      if (server.listening) console.error('A connection could not be accepted:', error.message); // no descriptors, most likely
    });
    server.listen({ fd }, () => resolve(server));
  })
}

/**
 * Serve HTTP, and frames after an upgrade.
 * @param {Worker} worker
 */
function httpOn (worker) {
  return (/** @type {Socket} */ socket) => {
    door ??= openDoor(worker);
    door.then((open) => open.admit(socket), (error) => {
      door = undefined; // what was lacking, descriptors most likely, may be there for the next one
      socket.destroy();
      console.error('A connection could not be served:', error.message);
    });
  }
}

/** @param {Worker} worker */
async function openDoor (worker) {
  const [{ Door, tlsOptions }, { Token }] = await Promise.all([Promise.resolve().then(() => (require.cache[__filename] = module, require('./door.cjs'))), Promise.resolve().then(() => (require.cache[__filename] = module, require('./guard.cjs')))]);
  const { 'tls-cert': cert, 'tls-key': key, 'tls-client-ca': clientCa } = options;
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
  servers.then((listening) => { for (const server of listening) server.close(); }, () => {});
  const answered = door?.then((open) => open.drain(timeout));
  const idle = new Promise((resolve) => worker.drain(() => resolve(null), timeout));
  tell({ type: 'draining' });
  await Promise.allSettled([idle, answered]);
  worker.goodbye({ reason: 'drained', message: 'The worker has answered all calls that it took.' });
  exit(0);
}

/** What ends the process is told before it is too late. */
function watchLife () {
  process.on('exit', (code) => {
    records.tellAll();
    if (serving === null) return tell({ type: 'exit', code, functions: [] })
    if (serving.host.metrics !== null) tell({ type: 'report', ...serving.report() });
    if (serving.draining) return
    const functions = serving.inFlight();
    const message = `process.exit(${code}) was called${functions.length > 0 ? ` while ${functions.join(', ')} ran` : ''}.`;
    serving.goodbye({ reason: 'exit', message });
    tell({ type: 'exit', code, functions });
  });
  process.on('uncaughtException', crashed);
  process.once('beforeExit', () => { if (serving === null) exit(UNSETTLED); });
}

/** An exception that nobody caught: the process may be in any state, so it ends. @param {unknown} thrown */
async function crashed (thrown) {
  const { describeError } = await Promise.resolve().then(() => errors);
  const error = describeError(thrown);
  tell({ type: 'crashed', error, functions: serving?.inFlight() ?? [] });
  if (serving !== null) {
    serving.draining = true;
    serving.goodbye({ reason: 'crashed', message: `An exception that nobody caught ended the worker: ${error.stack ?? error.message}` });
  }
  setImmediate(() => exit(1));
}

/** The config could not be loaded. @param {unknown} thrown */
async function failed (thrown) {
  const { startError } = await Promise.resolve().then(() => errors);
  tell({ type: 'failed', error: await startError(thrown, file), elsewhere: loads?.elsewhere() });
  exit(1);
}

/**
 * A message of many files does not leave at once: the supervisor reads some of it first.
 * @param {Record<string, unknown>} message
 */
function tell (message) {
  const giveUpAt = performance.now() + LONGEST_TELL;
  for (let rest = Buffer.from(JSON.stringify(message) + '\n'); rest.length > 0 && performance.now() < giveUpAt;) {
    try {
      rest = rest.subarray(fs.writeSync(control, rest));
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EAGAIN') return // it is gone, and the watchdog is about to end this process
      Atomics.wait(NEVER, 0, 0, 1);
    }
  }
}

exports.CALL = CALL;
exports.CANCELLED = CANCELLED;
exports.Call = Call;
exports.ConfigError = ConfigError;
exports.ERROR = ERROR;
exports.FrameError = FrameError;
exports.HEADER_SIZE = HEADER_SIZE;
exports.OK = OK;
exports.RUNTIME_PATH = RUNTIME_PATH;
exports.RUNTIME_URL = RUNTIME_URL;
exports.TIMEOUT = TIMEOUT;
exports.clearInterval = clearInterval;
exports.clearTimeout = clearTimeout;
exports.closeStream = closeStream;
exports.closeSync = closeSync;
exports.describeError = describeError;
exports.fstatSync = fstatSync;
exports.isLoopback = isLoopback;
exports.isOurs = isOurs;
exports.isStream = isStream;
exports.noticeTime = noticeTime;
exports.openSync = openSync;
exports.outOfTime = outOfTime;
exports.performance = performance;
exports.readSync = readSync;
exports.readTraceparent = readTraceparent;
exports.readUint32 = readUint32;
exports.readlinkSync = readlinkSync;
exports.serveUpgrade = serveUpgrade;
exports.setImmediate = setImmediate;
exports.setInterval = setInterval;
exports.setTimeout = setTimeout;
exports.writevSync = writevSync;
