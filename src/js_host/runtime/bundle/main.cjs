// Made of ../main.mjs by `python3 dev.py bundle`, as one file loads sooner than many. Edit its modules.
const MAIN_URL = require('node:url').pathToFileURL(require('node:path').join(__dirname, '..', 'main.mjs')).href
var __create = Object.create;
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __getProtoOf = Object.getPrototypeOf;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __esm = (fn, res, err) => function __init() {
  if (err) throw err[0];
  try {
    return fn && (res = (0, fn[__getOwnPropNames(fn)[0]])(fn = 0)), res;
  } catch (e) {
    throw err = [e], e;
  }
};
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toESM = (mod, isNodeMode, target) => (target = mod != null ? __create(__getProtoOf(mod)) : {}, __copyProps(
  // If the importer is in node compatibility mode or this is not an ESM
  // file that has been converted to a CommonJS file using a Babel-
  // compatible transform (i.e. "__esModule" has not been set), then set
  // "default" to the CommonJS "module.exports" for node compatibility.
  isNodeMode || !mod || !mod.__esModule ? __defProp(target, "default", { value: mod, enumerable: true }) : target,
  mod
));

// src/js_host/runtime/hints.mjs
function hintFor(error) {
  try {
    const { name, message, code, hint } = (
      /** @type {any} */
      error
    );
    if (typeof hint === "string") return hint;
    if (name === "Error" && code === void 0) return void 0;
    const rule = RULES.find(([key, pattern]) => (key === code || key === name) && pattern.test(message));
    return rule?.[2];
  } catch {
    return void 0;
  }
}
var TYPESCRIPT, RULES;
var init_hints = __esm({
  "src/js_host/runtime/hints.mjs"() {
    TYPESCRIPT = "Node 22.18 and later read TypeScript by themselves (22.6 with --experimental-strip-types). Use a newer Node, or compile the file to JavaScript first.";
    RULES = [
      [
        "ReferenceError",
        /^(require|module|exports|__dirname|__filename) is not defined/,
        'The file is loaded as an ES module, where this name does not exist. Rename it to .cjs (or take "type": "module" out of its package.json), or write `import` and `export`, and `import.meta.dirname`.'
      ],
      [
        "ReferenceError",
        /^(window|document|localStorage|sessionStorage|location|self|HTMLElement|matchMedia|requestAnimationFrame) is not defined/,
        "This is code for a browser, and Node has no page. Use it only inside an effect or an event handler (useEffect, onMounted, onMount), guard it with `typeof window !== 'undefined'`, or choose the package's build for the server."
      ],
      [
        "SyntaxError",
        /^(Cannot use import statement outside a module|Unexpected token 'export')/,
        'The file is loaded as CommonJS. Rename it to .mjs (or write "type": "module" in its package.json), or use `require` and `module.exports`.'
      ],
      [
        "SyntaxError",
        /^Unexpected token '<'/,
        "Node does not read JSX. Compile the file first, for example with esbuild (`npx esbuild page.jsx --bundle --platform=node --outfile=page.cjs`)."
      ],
      [
        "SyntaxError",
        /does not provide an export named/,
        "Compare the name with what the module exports. A CommonJS package may have its default export only: `import all from '\u2026'; const { name } = all`."
      ],
      ["ERR_UNKNOWN_FILE_EXTENSION", /"\.[mc]?ts"/, TYPESCRIPT],
      [
        "ERR_UNKNOWN_FILE_EXTENSION",
        /"\.(tsx|jsx|vue|svelte)"/,
        "Node does not read this kind of file. Compile or bundle it for Node first (esbuild, Vite with `build.ssr`), and import the result."
      ],
      [
        "ERR_UNKNOWN_FILE_EXTENSION",
        /"\.(css|scss|sass|less|svg|png|jpe?g|gif|woff2?)"/,
        "Node can not import styles or images. Bundle the code for Node first (esbuild, Vite with `build.ssr`), or take the import out of what runs on the server."
      ],
      [
        "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX",
        /./,
        "Node only takes types away: enums, namespaces and parameter properties need a compiler, or --experimental-transform-types."
      ],
      ["ERR_REQUIRE_ESM", /./, "The package is an ES module. Load it with `await import(\u2026)`, or make the config an ES module (host.config.mjs)."],
      [
        "ERR_REQUIRE_ASYNC_MODULE",
        /./,
        "The module waits at its top level (`await`), so `require` can not load it. Use `import`, or `await import(\u2026)`."
      ],
      ["ERR_IMPORT_ATTRIBUTE_MISSING", /json/i, "Write `import data from './file.json' with { type: 'json' }`."],
      ["ERR_PACKAGE_PATH_NOT_EXPORTED", /./, 'The package does not offer this path. Look at "exports" in its package.json for those it does.'],
      ["ERR_UNSUPPORTED_DIR_IMPORT", /./, "ES modules name the file: write `/index.js` after the directory."],
      [
        "ERR_DLOPEN_FAILED",
        /NODE_MODULE_VERSION|different Node\.js version/,
        "The package was built for another Node. Run `npm rebuild` with the Node that runs here."
      ],
      ["ERR_OSSL_EVP_UNSUPPORTED", /./, "A tool asks for a hash that OpenSSL 3 has switched off. Update the tool."],
      [
        "ERR_ACCESS_DENIED",
        /./,
        "Node runs with --permission. Allow what is needed, in NODE_ARGS or with --node-arg, for example --allow-fs-read=/path/of/the/project/*"
      ],
      ["EADDRINUSE", /./, "Another program listens there. Stop it, or choose another port."],
      ["EADDRNOTAVAIL", /./, "This machine has no such address. Use one of its own, 127.0.0.1 for this machine only."],
      ["EACCES", /^listen/, "Ports below 1024 need rights that this user does not have. Choose another port."]
    ];
  }
});

// src/js_host/runtime/place.mjs
function isOurs(line) {
  return line.includes(RUNTIME_PATH) || line.includes(RUNTIME_URL);
}
var import_node_url, RUNTIME_URL, RUNTIME_PATH;
var init_place = __esm({
  "src/js_host/runtime/place.mjs"() {
    import_node_url = require("node:url");
    RUNTIME_URL = new URL(".", MAIN_URL).href;
    RUNTIME_PATH = (0, import_node_url.fileURLToPath)(RUNTIME_URL);
  }
});

// src/js_host/runtime/util.mjs
function util() {
  return process.getBuiltinModule("node:util");
}
var init_util = __esm({
  "src/js_host/runtime/util.mjs"() {
  }
});

// src/js_host/runtime/originals.mjs
var clearInterval, clearTimeout, performance, setImmediate, setInterval, setTimeout, exit, nextTick;
var init_originals = __esm({
  "src/js_host/runtime/originals.mjs"() {
    ({ clearInterval, clearTimeout, performance, setImmediate, setInterval, setTimeout } = globalThis);
    ({ exit, nextTick } = process);
  }
});

// src/js_host/runtime/packages.mjs
function missingModule(error, configFile) {
  if (error?.code !== "MODULE_NOT_FOUND" && error?.code !== "ERR_MODULE_NOT_FOUND") return null;
  const specifier = /Cannot find (?:module|package) '([^']+)'/.exec(String(error.message))?.[1];
  if (!specifier) return null;
  const importer = importerOf(error);
  const hint = isFile(specifier) ? fileHint(specifier, importer) : packageHint(packageName(specifier), (0, import_node_path.dirname)(importer ?? configFile));
  return { specifier, importer, hint };
}
function importerOf(error) {
  const named = /imported from (.+)$/m.exec(String(error.message))?.[1] ?? error.requireStack?.[0];
  if (typeof named !== "string") return null;
  return named.startsWith("file:") ? (0, import_node_url2.fileURLToPath)(named) : named;
}
function isFile(specifier) {
  return /^(\.{0,2}\/|file:|\.\.?$)/.test(specifier);
}
function fileHint(specifier, importer) {
  const path6 = specifier.startsWith("file:") ? (0, import_node_url2.fileURLToPath)(specifier) : (0, import_node_path.resolve)(importer ? (0, import_node_path.dirname)(importer) : ".", specifier);
  const found = [".js", ".mjs", ".cjs", ".ts", ".json", "/index.js"].map((end) => path6 + end).find((one) => (0, import_node_fs.existsSync)(one));
  if (found) return `There is ${found}: ES modules name the file whole, with its ending${(0, import_node_path.extname)(found) === ".ts" ? " (.ts included)" : ""}.`;
  return `There is no file ${path6}. Correct the path${importer ? ` in ${importer}` : ""}.`;
}
function packageName(specifier) {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}
function packageHint(name, directory) {
  if ((0, import_node_module.isBuiltin)(name)) return `Node ${process.version} has no such built-in module. A newer Node may.`;
  const root = nearest(directory);
  if (!root) return `There is no package.json in ${directory} or above it. Run \`npm init -y && npm install ${name}\` there.`;
  if (!declares((0, import_node_path.join)(root, "package.json"), name)) {
    return `It is not among the dependencies in ${(0, import_node_path.join)(root, "package.json")}. Run \`npm install ${name}\` in ${root}.`;
  }
  const command = (0, import_node_fs.existsSync)((0, import_node_path.join)(root, "package-lock.json")) ? "npm ci" : "npm install";
  return `${(0, import_node_path.join)(root, "package.json")} lists it, but it is not installed. Run \`${command}\` in ${root}.`;
}
function nearest(directory) {
  if ((0, import_node_fs.existsSync)((0, import_node_path.join)(directory, "package.json"))) return directory;
  const parent = (0, import_node_path.dirname)(directory);
  return parent === directory ? null : nearest(parent);
}
function declares(file2, name) {
  try {
    const manifest = JSON.parse((0, import_node_fs.readFileSync)(file2, "utf8"));
    return ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"].some((key) => Object.hasOwn(manifest[key] ?? {}, name));
  } catch {
    return false;
  }
}
var import_node_fs, import_node_module, import_node_path, import_node_url2;
var init_packages = __esm({
  "src/js_host/runtime/packages.mjs"() {
    import_node_fs = require("node:fs");
    import_node_module = require("node:module");
    import_node_path = require("node:path");
    import_node_url2 = require("node:url");
  }
});

// src/js_host/runtime/start_error.mjs
var start_error_exports = {};
__export(start_error_exports, {
  codeFrame: () => codeFrame,
  formatStartError: () => formatStartError,
  tellStart: () => tellStart
});
async function tellStart(thrown, configFile) {
  const described = describeError(thrown);
  const missing = missingModule(thrown, configFile);
  const compiled = compilerPlace(described.message);
  const place = compiled ?? (missing ? placeOfText(missing.importer, missing.specifier) : await placeOf(thrown, described));
  const { name, message, stack, fields } = described;
  return {
    name,
    message,
    stack: compiled ? `${name}: ${message}` : withoutOurs(stack),
    code: typeof fields.code === "string" ? fields.code : null,
    hint: missing?.hint ?? described.hint ?? (place ? "Correct the code there, then start again." : null),
    file: place?.file ?? missing?.importer ?? null,
    line: place?.line ?? null,
    frame: place ? frameOf(place) : null
  };
}
function formatStartError(error) {
  const parts = [error.name === "ConfigError" ? error.message : `${error.name}: ${error.message}`];
  if (error.file) parts.push(error.line ? `${error.file}:${error.line}` : error.file);
  if (error.frame) parts.push(error.frame);
  const calls = error.stack.match(CALL) ?? [];
  if (calls.length > 1) parts.push(calls.join("\n"));
  if (error.hint) parts.push(error.hint);
  return parts.join("\n\n") + "\n";
}
function withoutOurs(stack) {
  const ours = (line) => /^ +at /.test(line) && (/\bnode:|<anonymous>\)?$/.test(line) || isOurs(line));
  return stack.split("\n").filter((line) => !ours(line)).join("\n");
}
function codeFrame(source, line, column = 0) {
  const lines = source.split(/\r?\n/);
  const first = Math.max(1, line - 3);
  const last = Math.min(lines.length, line + 1);
  const width = String(last).length;
  const out = [];
  for (let n = first; n <= last; n++) {
    out.push(`${n === line ? ">" : " "} ${String(n).padStart(width)} | ${lines[n - 1].slice(0, 200)}`.trimEnd());
    if (n === line && column > 0) out.push(`  ${" ".repeat(width)} | ${indent(lines[n - 1], column)}^`);
  }
  return out.join("\n");
}
function indent(line, column) {
  return line.slice(0, Math.min(column - 1, 200)).replace(/[^\t]/g, " ");
}
async function placeOf(thrown, { stack, name }) {
  if (name === "ConfigError") return null;
  const parsing = thrown instanceof SyntaxError && /^ +at .*$/m.exec(stack)?.[0].includes("node:internal");
  return headPlace(stack) ?? (parsing ? headPlace(await decoratedStack(thrown)) : null) ?? stackPlace(stack);
}
function compilerPlace(message) {
  const match = /^(.+):(\d+):(\d+): ERROR: /m.exec(message);
  return match && { file: (0, import_node_path2.resolve)(match[1]), line: Number(match[2]), column: Number(match[3]) + 1 };
}
async function decoratedStack(error) {
  try {
    await printInRepl(error);
  } catch {
  }
  return String(error.stack);
}
async function printInRepl(error) {
  const { start: start2 } = await import("node:repl");
  const { PassThrough } = await import("node:stream");
  const input = new PassThrough();
  const output = new PassThrough().resume();
  const repl = start2({ input, output, prompt: "", terminal: false, eval: (_command, _context, _file, done) => done(error, null) });
  const printed = new Promise((resolve4) => repl.once("line", () => setImmediate(resolve4)));
  input.write("0\n");
  await printed;
  repl.close();
}
function headPlace(stack) {
  const [first, ...rest] = stack.split("\n", 8);
  const match = /^(file:\/\/.+|\/.+|[A-Za-z]:\\.+):(\d+)$/.exec(first);
  if (!match) return null;
  const mark = rest.find((line) => /^\s*\^+\s*$/.test(line)) ?? "";
  return { file: pathOf(match[1]), line: Number(match[2]), column: mark.indexOf("^") + 1 };
}
function stackPlace(stack) {
  const places = [...stack.matchAll(/^ +at (?:.*\()?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]+):(\d+):(\d+)\)?$/gm)].map(([, file2, line, column]) => ({ file: pathOf(file2), line: Number(line), column: Number(column) })).filter(({ file: file2 }) => !file2.startsWith(RUNTIME_PATH));
  return places.find(({ file: file2 }) => !file2.includes("node_modules")) ?? places[0] ?? null;
}
function placeOfText(file2, specifier) {
  if (!file2) return null;
  const path6 = /^[/\\]|^file:/.test(specifier);
  const name = escape(path6 ? (0, import_node_path2.basename)(specifier) : specifier);
  const pattern = new RegExp(path6 ? `${name}(?=['"\`])` : `(?<=['"\`])${name}(?=['"\`/])`);
  const lines = read(file2).split(/\r?\n/);
  const index = lines.findIndex((line) => pattern.test(line));
  return index < 0 ? null : { file: file2, line: index + 1, column: lines[index].search(pattern) + 1 };
}
function escape(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
function frameOf({ file: file2, line, column }) {
  const source = read(file2);
  return source && line <= source.split("\n").length ? codeFrame(source, line, column) : null;
}
function read(file2) {
  try {
    return (0, import_node_fs2.readFileSync)(file2, "utf8");
  } catch {
    return "";
  }
}
function pathOf(file2) {
  try {
    return file2.startsWith("file:") ? (0, import_node_url3.fileURLToPath)(file2.replace(/[?#].*$/, "")) : file2;
  } catch {
    return file2;
  }
}
var import_node_fs2, import_node_path2, import_node_url3, CALL;
var init_start_error = __esm({
  "src/js_host/runtime/start_error.mjs"() {
    import_node_fs2 = require("node:fs");
    import_node_path2 = require("node:path");
    import_node_url3 = require("node:url");
    init_errors();
    init_originals();
    init_packages();
    init_place();
    CALL = /^ +at .+$/gm;
  }
});

// src/js_host/runtime/errors.mjs
var errors_exports = {};
__export(errors_exports, {
  ConfigError: () => ConfigError,
  ThrownValue: () => ThrownValue,
  asError: () => asError,
  describeError: () => describeError,
  hintFor: () => hintFor,
  isError: () => isError,
  ownFrames: () => ownFrames,
  startError: () => startError
});
function asError(thrown) {
  return isError(thrown) ? thrown : new ThrownValue(thrown);
}
function isError(thrown) {
  try {
    return (0, import_types.isNativeError)(thrown) || thrown instanceof Error;
  } catch {
    return false;
  }
}
async function startError(thrown, configFile) {
  const { tellStart: tellStart2 } = await Promise.resolve().then(() => (init_start_error(), start_error_exports));
  return tellStart2(thrown, configFile);
}
function describeError(thrown) {
  const described = describe(thrown, 1, /* @__PURE__ */ new Set());
  const hint = isError(thrown) ? hintFor(thrown) : void 0;
  if (hint) described.hint = hint;
  return described;
}
function describe(thrown, depth, seen) {
  if (!isError(thrown)) return describeValue(thrown);
  seen.add(thrown);
  const name = stringOf(read2(thrown, "name")) || "Error";
  const message = stringOf(read2(thrown, "message"));
  const stack = ownFrames(stringOf(read2(thrown, "stack"))) || `${name}: ${message}`;
  const cause = describeCause(thrown, depth, seen);
  const described = { type: "error", name, message, stack, cause, fields: fieldsOf(thrown, depth, seen) };
  if (thrown instanceof ThrownValue) described.value = jsonOf(read2(thrown, "value")) ?? null;
  return described;
}
function describeValue(value) {
  const message = textOf(value);
  return { type: "error", name: "Error", message, stack: `Error: ${message}`, cause: null, fields: {}, value: jsonOf(value) ?? null };
}
function describeCause(error, depth, seen) {
  const cause = read2(error, "cause");
  if (cause === void 0 || cause === null || depth > MAX_DEPTH || seen.has(cause)) return null;
  return describe(cause, depth + 1, seen);
}
function fieldsOf(error, depth, seen) {
  const fields = /* @__PURE__ */ Object.create(null);
  for (const key of keysOf(error)) {
    if (key === "name" || key === "message" || key === "stack" || key === "cause") continue;
    const value = jsonOf(read2(error, key));
    if (value !== void 0) fields[key] = value;
  }
  const errors = depth <= MAX_DEPTH ? firstOf(read2(error, "errors")) : null;
  if (errors !== null) fields.errors = errors.filter((one) => !seen.has(one)).map((one) => describe(one, depth + 1, seen));
  return fields;
}
function firstOf(errors) {
  try {
    return Array.isArray(errors) ? Array.from(errors).slice(0, MAX_ERRORS) : null;
  } catch {
    return null;
  }
}
function keysOf(object) {
  try {
    return Object.keys(object);
  } catch {
    return [];
  }
}
function read2(object, key) {
  try {
    return (
      /** @type {any} */
      object[key]
    );
  } catch {
    return void 0;
  }
}
function jsonOf(value) {
  if (typeof value === "bigint") return String(value);
  try {
    const text = JSON.stringify(value);
    return text === void 0 || text.length > MAX_TEXT ? void 0 : JSON.parse(text);
  } catch {
    return void 0;
  }
}
function ownFrames(stack) {
  const lines = stack.split("\n");
  const first = lines.findIndex(isFrame);
  const top = lines.findIndex((line, at) => at >= first && !isOurFrame(line));
  const border = lines.findIndex((line, at) => at >= top && isOurFrame(line));
  if (first < 0 || border < 0 && top === first) return stack;
  const frames = top < 0 ? [] : lines.slice(top, border < 0 ? void 0 : border);
  const isNodes = top !== first && frames.every((line) => line.includes("node:"));
  return [...lines.slice(0, first), ...isNodes ? [] : frames].join("\n");
}
function isFrame(line) {
  return line.startsWith("    at ");
}
function isOurFrame(line) {
  return isFrame(line) && isOurs(line);
}
function stringOf(value) {
  return typeof value === "string" ? bounded(value) : "";
}
function textOf(value) {
  if (typeof value === "string") return bounded(value);
  try {
    return bounded(util().inspect(value, { customInspect: false, getters: false, depth: 2 }));
  } catch {
    return `a value of type ${typeof value} that can not be shown`;
  }
}
function bounded(text) {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}\u2026 (${text.length - MAX_TEXT} more characters)`;
}
var import_types, MAX_TEXT, MAX_DEPTH, MAX_ERRORS, ConfigError, ThrownValue;
var init_errors = __esm({
  "src/js_host/runtime/errors.mjs"() {
    import_types = require("node:util/types");
    init_hints();
    init_place();
    init_util();
    MAX_TEXT = 65536;
    MAX_DEPTH = 8;
    MAX_ERRORS = 16;
    ConfigError = class extends Error {
      /**
       * @param {string} code stable, for programs
       * @param {string} message
       * @param {string} hint
       */
      constructor(code, message, hint) {
        super(message);
        this.name = "ConfigError";
        this.code = code;
        this.hint = hint;
      }
    };
    ThrownValue = class extends Error {
      /** @param {unknown} value */
      constructor(value) {
        super(textOf(value));
        this.name = "Error";
        Object.defineProperty(this, "value", { value });
      }
    };
  }
});

// src/js_host/runtime/frames.mjs
function writeHeader(bytes, length, id, kind, flags2 = 0, extra = 0) {
  bytes[0] = length;
  bytes[1] = length >>> 8;
  bytes[2] = length >>> 16;
  bytes[3] = length >>> 24;
  bytes[4] = id;
  bytes[5] = id >>> 8;
  bytes[6] = id >>> 16;
  bytes[7] = id >>> 24;
  bytes[8] = kind;
  bytes[9] = flags2;
  bytes[10] = 0;
  bytes[11] = 0;
  bytes[12] = extra;
  bytes[13] = extra >>> 8;
  bytes[14] = extra >>> 16;
  bytes[15] = extra >>> 24;
}
function readUint32(bytes, at) {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}
function textFrame(id, kind, text, extra = 0) {
  const frame = written(text, HEADER_SIZE);
  writeHeader(frame, frame.length - HEADER_SIZE, id, kind, 0, extra);
  return frame;
}
function longTextFrame(id, kind, text, extra = 0) {
  const start2 = HEADER_SIZE + TEXT_AT;
  const frame = written(text, start2);
  writeHeader(frame, frame.length - HEADER_SIZE, id, kind, RICH, extra);
  frame.writeUInt32LE(1, HEADER_SIZE);
  frame.writeUInt32LE(frame.length - start2, HEADER_SIZE + 4);
  frame.write(JUST_TEXT, HEADER_SIZE + 8, "latin1");
  return frame;
}
function written(text, start2) {
  const room = text.length < SHORT_TEXT ? text.length * 3 : text.length + (text.length >>> 3);
  const bytes = Buffer.allocUnsafe(start2 + room);
  const length = bytes.utf8Write(text, start2);
  if (length <= room - 4 || room >= text.length * 3) return bytes.subarray(0, start2 + length);
  const exact = Buffer.allocUnsafe(start2 + Buffer.byteLength(text));
  exact.utf8Write(text, start2);
  return exact;
}
function richFrame(id, kind, text, attachments, extra = 0) {
  const table = 4 + 4 * attachments.length;
  const start2 = HEADER_SIZE + table;
  const head = Buffer.allocUnsafe(start2 + Buffer.byteLength(text));
  head.utf8Write(text, start2);
  head.writeUInt32LE(attachments.length, HEADER_SIZE);
  let length = head.length - HEADER_SIZE;
  for (let i = 0; i < attachments.length; i++) {
    head.writeUInt32LE(attachments[i].byteLength, HEADER_SIZE + 4 + 4 * i);
    length += attachments[i].byteLength;
  }
  writeHeader(head, length, id, kind, RICH, extra);
  return [head, ...attachments];
}
function bodyLength(frame) {
  if (!Array.isArray(frame)) return frame.length - HEADER_SIZE;
  let length = -HEADER_SIZE;
  for (const part of frame) length += part.byteLength;
  return length;
}
function splitRich(bytes, start2, end) {
  const count = end - start2 < 4 ? Infinity : readUint32(bytes, start2);
  const text = start2 + 4 + 4 * count;
  if (!(text <= end)) throw new FrameError("The table of attachments is longer than its frame.");
  let total = 0;
  for (let i = 0; i < count; i++) total += readUint32(bytes, start2 + 4 + 4 * i);
  let at = end - total;
  if (at < text) throw new FrameError("The attachments are longer than their frame.");
  const part = { start: text, end: at, attachments: new Array(count) };
  for (let i = 0; i < count; i++) {
    const size = readUint32(bytes, start2 + 4 + 4 * i);
    part.attachments[i] = bytes.subarray(at, at + size);
    at += size;
  }
  return part;
}
var HEADER_SIZE, HELLO, CALL2, RESULT, ERROR, BYE, CANCEL, CHUNK, END, CREDIT, LOG, STATUS, ASK, ANSWER, FAULT, RICH, STREAM, PATIENT, WINDOW, LEAST_COST, READ_SIZE, LARGE_READ, SHORT_TEXT, HELD, FrameError, JUST_TEXT, TEXT_AT, FrameReader;
var init_frames = __esm({
  "src/js_host/runtime/frames.mjs"() {
    HEADER_SIZE = 16;
    HELLO = 0;
    CALL2 = 1;
    RESULT = 2;
    ERROR = 3;
    BYE = 4;
    CANCEL = 5;
    CHUNK = 6;
    END = 7;
    CREDIT = 8;
    LOG = 9;
    STATUS = 10;
    ASK = 11;
    ANSWER = 12;
    FAULT = 13;
    RICH = 1;
    STREAM = 2;
    PATIENT = 4;
    WINDOW = 2097152;
    LEAST_COST = 65536;
    READ_SIZE = 64 * 1024;
    LARGE_READ = 4 * 1024 * 1024;
    SHORT_TEXT = 700;
    HELD = /* @__PURE__ */ Symbol("held");
    FrameError = class extends Error {
    };
    JUST_TEXT = '{"$":["text",0]}';
    TEXT_AT = 4 + 4 + JUST_TEXT.length;
    FrameReader = class {
      /**
       * @param {(bytes: Buffer, at: number, length: number, owned: boolean) => unknown} onFrame
       * @param {number} limit
       */
      constructor(onFrame, limit) {
        this.onFrame = onFrame;
        this.limit = limit;
        this.buffer = Buffer.allocUnsafeSlow(READ_SIZE);
        this.start = 0;
        this.end = 0;
        this.isHeld = false;
        this.large = null;
        this.filled = 0;
      }
      /** Whether part of a frame has come, and its rest not. */
      get isPartial() {
        return !this.isHeld && (this.end !== this.start || this.large !== null);
      }
      /** Where the next bytes of the stream are to be written, as many as there are up to its length. */
      getBuffer() {
        if (this.large !== null) return this.large.subarray(this.filled, this.filled + LARGE_READ);
        if (this.start > 0) this.#compact();
        return this.end === 0 ? this.buffer : this.buffer.subarray(this.end);
      }
      #compact() {
        this.buffer.copyWithin(0, this.start, this.end);
        this.end -= this.start;
        this.start = 0;
      }
      /** @param {number} count how many bytes were written into the buffer; with 0, the next ones still go where they were to go */
      received(count) {
        if (this.large !== null) return this.#receivedLarge(count);
        const have = this.end += count;
        const { buffer } = this;
        let at = this.start;
        this.isHeld = false;
        while (have - at >= HEADER_SIZE) {
          const length = readUint32(buffer, at);
          if (length > this.limit) throw new FrameError(`A frame of ${length} bytes came in; the limit is ${this.limit}.`);
          const next = at + HEADER_SIZE + length;
          if (next > have) {
            if (length > READ_SIZE - HEADER_SIZE && count > 0) return this.#beginLarge(length, at, have);
            break;
          }
          if (this.onFrame(buffer, at, length, false) === HELD) {
            this.isHeld = true;
            break;
          }
          at = next;
        }
        this.start = at;
        if (at === have && count > 0) this.start = this.end = 0;
      }
      /** @param {number} length @param {number} at @param {number} have */
      #beginLarge(length, at, have) {
        this.large = Buffer.allocUnsafeSlow(HEADER_SIZE + length);
        this.filled = this.buffer.copy(this.large, 0, at, have);
        this.start = this.end = 0;
      }
      /** @param {number} count */
      #receivedLarge(count) {
        const large = (
          /** @type {Buffer} */
          this.large
        );
        this.filled += count;
        if (this.filled < large.length) return;
        this.large = null;
        this.onFrame(large, 0, large.length - HEADER_SIZE, true);
      }
    };
  }
});

// src/js_host/runtime/functions.mjs
function outOfTime() {
  return new DOMException("The worker is stopping, and the time for its calls is nearly over.", "AbortError");
}
function noticeTime(time) {
  return time - Math.min(500, time / 10);
}
function isThenable(value) {
  return value !== null && (typeof value === "object" || typeof value === "function") && typeof value.then === "function";
}
function runWithCallback(entry, context, data) {
  const outcome = new Outcome(entry, context.host);
  let returned;
  try {
    returned = entry.fn.call(context, data, (error, value) => outcome.callback(error, value));
  } catch (error) {
    outcome.threw(error);
  }
  if ((0, import_types2.isPromise)(returned)) outcome.watch(returned);
  if (outcome.state === DONE) return outcome.value;
  if (outcome.state === FAILED) throw outcome.value;
  return new Promise((resolve4, reject) => {
    outcome.resolve = resolve4;
    outcome.reject = reject;
  });
}
function logLateError(host, name, error) {
  host.counters.lateErrors++;
  host.logger.error(`Function "${name}" had already answered when it failed: ${stackOf(asError(error))}`);
}
function stackOf(error) {
  return ownFrames(String(error.stack));
}
function kindOf(value) {
  if (value === null || value === void 0) return String(value);
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
var import_types2, Call, Context, FunctionEntry, PENDING, DONE, FAILED, Outcome;
var init_functions = __esm({
  "src/js_host/runtime/functions.mjs"() {
    import_types2 = require("node:util/types");
    init_errors();
    init_originals();
    Call = class {
      /**
       * @param {number} id chosen by the caller, unique on its connection
       * @param {string} name of the function
       * @param {number} deadline on the clock of performance.now(), 0 for none
       * @param {number} [time] how long it may take, in ms, 0 for as long as it likes
       * @param {boolean} [streams] the caller takes the result in parts
       * @param {number} [number] which call of its worker it is
       */
      constructor(id, name, deadline, time = 0, streams = false, number = 0) {
        this.id = id;
        this.number = number;
        this.name = name;
        this.deadline = deadline;
        this.time = time;
        this.streams = streams;
        this.settled = false;
        this.arrival = 0;
        this.traceparent = void 0;
        this.controller = null;
        this.pump = null;
        this.slot = null;
        this.questions = null;
      }
      /** The deadline counts from now. */
      renew() {
        if (this.time !== 0) this.deadline = performance.now() + this.time;
      }
      /** Made when it is first read: most functions never do. */
      get signal() {
        return (this.controller ??= new AbortController()).signal;
      }
      /** @param {unknown} [reason] what `signal.reason` will be */
      abort(reason) {
        this.controller ??= new AbortController();
        this.controller.abort(reason);
        this.pump?.close(reason);
      }
    };
    Context = class {
      /** @type {Call} */
      #call;
      /**
       * @param {string} name
       * @param {import('./host.mjs').Host} host
       * @param {Call} call
       */
      constructor(name, host, call) {
        this.name = name;
        this.host = host;
        this.#call = call;
      }
      /** Fires when the deadline passes, when the caller has cancelled or gone, and when a stopping worker can wait no longer. */
      get signal() {
        return this.#call.signal;
      }
      /** The moment, on the clock of performance.now(), after which nobody waits for the result; Infinity where there is none. */
      get deadline() {
        return this.#call.deadline || Infinity;
      }
      /** The span that the call belongs to, as W3C Trace Context writes it; undefined where nobody traces it. */
      get traceparent() {
        return this.#call.traceparent;
      }
      get log() {
        return this.host.logger;
      }
    };
    FunctionEntry = class {
      /**
       * @param {string} name
       * @param {Function} fn
       */
      constructor(name, fn) {
        if (typeof name !== "string" || name === "") {
          throw new ConfigError(
            "JS_HOST_FUNCTION_NAME",
            `"${String(name)}" is not a valid function name`,
            "Give the function a name that is a string with at least one character."
          );
        }
        if (typeof fn !== "function") {
          throw new ConfigError(
            "JS_HOST_NOT_A_FUNCTION",
            `"${name}" must be a function, but it is ${kindOf(fn)}.`,
            `Write ${name}: function (data, cb) { cb(null, \u2026) }, or ${name}: (data) => \u2026`
          );
        }
        this.name = name;
        this.fn = fn;
        this.callbackStyle = fn.length >= 2 && !(0, import_types2.isGeneratorFunction)(fn);
        this.goesOn = (0, import_types2.isAsyncFunction)(fn);
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
      run(host, data, call) {
        host.counters.calls++;
        const context = new Context(this.name, host, call);
        return this.callbackStyle ? runWithCallback(this, context, data) : this.fn.call(context, data, context);
      }
    };
    PENDING = 0;
    DONE = 1;
    FAILED = 2;
    Outcome = class {
      /**
       * @param {FunctionEntry} entry
       * @param {import('./host.mjs').Host} host
       */
      constructor(entry, host) {
        this.entry = entry;
        this.host = host;
        this.state = PENDING;
        this.value = void 0;
        this.resolve = null;
        this.reject = null;
        this.first = null;
      }
      /**
       * @param {unknown} error
       * @param {unknown} value
       */
      callback(error, value) {
        if (this.state !== PENDING) return this.repeated(error);
        if (this.entry.traced) this.first = new Error("The first call of the callback");
        if (error) this.settle(FAILED, asError(error));
        else this.settle(DONE, value);
      }
      /** @param {unknown} error */
      threw(error) {
        if (this.state === PENDING) this.settle(FAILED, error);
        else this.late(error);
      }
      /**
       * @param {number} state
       * @param {unknown} value
       */
      settle(state, value) {
        this.state = state;
        this.value = value;
        if (state === DONE) this.resolve?.(value);
        else this.reject?.(value);
      }
      /** @param {Promise<unknown>} promise that the function returned although it takes a callback */
      watch(promise) {
        promise.then((value) => this.ignored(value), (error) => this.threw(error));
      }
      /**
       * `async (data, context) => value` would otherwise wait for its deadline without a word.
       * @param {unknown} value
       */
      ignored(value) {
        if (this.state !== PENDING || value === void 0 || this.entry.warned) return;
        this.entry.warned = true;
        this.host.logger.error(`Function "${this.entry.name}" returned a value and did not call its callback. It has two parameters, so only its callback counts: call it; or, if the second is meant to be the context, write \`(data, context = null)\`.`);
      }
      /** @param {unknown} error */
      repeated(error) {
        this.host.counters.repeatedCallbacks++;
        const second = new Error(`Function "${this.entry.name}" called its callback more than once`);
        const passed = error ? `
It passed: ${stackOf(asError(error))}` : "";
        const first = this.first ? stackOf(this.first) : "The first call is not known: it is recorded from now on.";
        this.entry.traced = true;
        this.host.logger.error(`${stackOf(second)}${passed}
${first}`);
      }
      /** @param {unknown} error */
      late(error) {
        logLateError(this.host, this.entry.name, error);
      }
    };
  }
});

// src/js_host/runtime/rich.mjs
function encodeRich(value, place) {
  const encoder = new Encoder(place);
  const text = JSON.stringify(encoder.convert(value));
  return { text, attachments: encoder.attachments };
}
function convertNumber(value) {
  if (isPlainNumber(value)) return value;
  if (Number.isInteger(value) && value !== 0) return tag("int", String(BigInt(value)));
  return tag("float", Object.is(value, -0) ? "-0" : String(value));
}
function isPlainNumber(value) {
  if (value < 2 ** 53 && value > -(2 ** 53)) return value !== 0 || 1 / value > 0;
  return Number.isFinite(value) && Math.abs(value) >= 1e21;
}
function tag(kind, ...rest) {
  return { $: [kind, ...rest] };
}
function decodeRich(tree, attachments, program) {
  if (tree === null || typeof tree !== "object") return tree;
  if (Array.isArray(tree)) return tree.map((item) => decodeRich(item, attachments, program));
  const keys = Object.keys(tree);
  if (keys.length === 1 && keys[0] === "$") return decodeTag(tree.$, attachments, program);
  return decodeFields(tree, attachments, program);
}
function decodeFields(tree, attachments, program) {
  for (const key of Object.keys(tree)) {
    const value = decodeRich(tree[key], attachments, program);
    if (key === "__proto__") Object.defineProperty(tree, key, { value, enumerable: true, configurable: true, writable: true });
    else tree[key] = value;
  }
  return tree;
}
function decodeTag([kind, first, second, third], attachments, program) {
  switch (kind) {
    case "int":
      return BigInt(first);
    case "float":
      return Number(first);
    case "bytes":
      return attachments[first];
    case "text":
      return decodeText(attachments[first]);
    case "date":
      return new Date(first);
    case "set":
      return new Set(first.map((item) => decodeRich(item, attachments, program)));
    case "map":
      return new Map(first.map((pair) => decodeRich(pair, attachments, program)));
    case "object":
      return decodeFields(first, attachments, program);
    case "array":
      return decodeArray(first, second, attachments[third]);
    case "function":
      if (program !== null) return program.callable(first);
      break;
    case "iterator":
      if (program !== null) return program.iterator(first);
      break;
  }
  throw new ValueNotSupported(`The data has a tag that is not understood: ${JSON.stringify(kind)}.`);
}
function decodeText(bytes) {
  if (!(0, import_node_buffer.isUtf8)(bytes)) throw new ValueNotSupported("The data has a text that is no UTF-8.");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
function decodeArray(kind, shape, bytes) {
  const TypedArray = ARRAY_CLASSES[kind];
  if (TypedArray === void 0) throw new ValueNotSupported(`The data has an array of an unknown kind: ${JSON.stringify(kind)}.`);
  const array = new TypedArray(new Uint8Array(bytes).buffer);
  return Object.defineProperty(array, "shape", { value: shape, writable: true, configurable: true });
}
function parseExactly(text) {
  let marked = "";
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
  if (at === 0) return JSON.parse(text);
  return JSON.parse(marked + text.slice(at), (_, value) => typeof value === "string" && value.startsWith(BIGINT) ? BigInt(value.slice(BIGINT.length)) : value);
}
function endOfString(text, start2) {
  for (let end = text.indexOf('"', start2); end >= 0; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (first > start2 && text[first - 1] === "\\") first--;
    if ((end - first) % 2 === 0) return end + 1;
  }
  return text.length;
}
var import_node_buffer, import_types3, MAX_DEPTH2, ValueNotSupported, ARRAY_CLASSES, ARRAY_KINDS, typedArrayName, Encoder, STRING_OR_LONG_INTEGER, BIGINT;
var init_rich = __esm({
  "src/js_host/runtime/rich.mjs"() {
    import_node_buffer = require("node:buffer");
    import_types3 = require("node:util/types");
    MAX_DEPTH2 = 500;
    ValueNotSupported = class extends TypeError {
    };
    ARRAY_CLASSES = /** @type {Record<string, any>} */
    {
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
    };
    ARRAY_KINDS = new Map(Object.keys(ARRAY_CLASSES).map((kind) => [ARRAY_CLASSES[kind].name, kind]));
    typedArrayName = /** @type {() => string | undefined} */
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get;
    Encoder = class {
      /** @param {Place} place */
      constructor(place) {
        this.place = place;
        this.attachments = [];
        this.path = [];
        this.open = /* @__PURE__ */ new Set();
      }
      /** @param {any} value @returns {unknown} */
      convert(value) {
        switch (typeof value) {
          case "string":
          case "boolean":
            return value;
          case "undefined":
            return null;
          case "number":
            return convertNumber(value);
          case "bigint":
            return tag("int", String(value));
          case "object":
            return value === null ? null : this.convertObject(value);
          default:
            return this.refuse(typeof value === "symbol" ? "a symbol" : "a function");
        }
      }
      /** @param {any} value @returns {unknown} */
      convertObject(value) {
        if (Array.isArray(value)) return this.within(value, () => this.items(value));
        if ((0, import_types3.isDate)(value)) return this.date(value);
        if (ArrayBuffer.isView(value) || (0, import_types3.isAnyArrayBuffer)(value)) return this.bytes(value);
        if ((0, import_types3.isSet)(value)) return this.within(value, () => tag("set", this.items([...value])));
        if ((0, import_types3.isMap)(value)) return this.within(value, () => tag("map", [...value].map((pair, i) => this.items(pair, i))));
        if (typeof value.toJSON === "function") return this.within(value, () => this.convert(value.toJSON()));
        const prototype = Object.getPrototypeOf(value);
        if (prototype !== Object.prototype && prototype !== null) this.refuseStrange(value);
        return this.within(value, () => this.fields(value));
      }
      /**
       * @param {object} value @param {() => unknown} convert @returns {unknown}
       */
      within(value, convert) {
        if (this.open.has(value)) this.refuse("a circular reference");
        if (this.path.length >= MAX_DEPTH2) throw new ValueNotSupported(`The ${this.place.name} is nested more than ${MAX_DEPTH2} levels deep.`);
        this.open.add(value);
        const converted = convert();
        this.open.delete(value);
        return converted;
      }
      /** @param {unknown[]} items @param {number} [offset] */
      items(items, offset = 0) {
        return Array.from(items, (item, i) => this.deeper(offset + i, item));
      }
      /** @param {string | number} step @param {unknown} value */
      deeper(step, value) {
        this.path.push(step);
        const converted = this.convert(value);
        this.path.pop();
        return converted;
      }
      /** @param {Record<string, unknown>} value */
      fields(value) {
        const out = /* @__PURE__ */ Object.create(null);
        const keys = Object.keys(value);
        for (const key of keys) {
          const field = value[key];
          if (field !== void 0) out[key] = this.deeper(key, field);
        }
        return "$" in out && Object.keys(out).length === 1 ? tag("object", out) : out;
      }
      /** @param {Date} value */
      date(value) {
        const milliseconds = value.getTime();
        if (Number.isNaN(milliseconds)) this.refuse("an invalid Date");
        return tag("date", milliseconds);
      }
      /** @param {any} value */
      bytes(value) {
        const view = ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
        const at = this.attachments.push(view) - 1;
        const kind = ARRAY_KINDS.get(typedArrayName.call(value) ?? "");
        if (kind === void 0 || kind === "uint8") return tag("bytes", at);
        return tag("array", kind, this.shape(value), at);
      }
      /** @param {any} value */
      shape(value) {
        const { shape = [value.length] } = value;
        const fits = Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0) && shape.reduce((total, size) => total * size, 1) === value.length;
        if (!fits) this.refuse(`an array of ${value.length} numbers with a shape that does not fit`);
        return shape;
      }
      /** @param {any} value */
      refuseStrange(value) {
        if ((0, import_types3.isNativeError)(value)) this.refuse("an Error: throw it, or pass its message");
        if (typeof value.then === "function") this.refuse("a promise: await it first");
        if ((0, import_types3.isRegExp)(value)) this.refuse("a RegExp");
        if ((0, import_types3.isGeneratorObject)(value)) this.refuse("a generator: spread it into an array, [...it]");
        if ((0, import_types3.isMapIterator)(value) || (0, import_types3.isSetIterator)(value)) this.refuse("an iterator: spread it into an array, [...it]");
        if (typeof value.pipe === "function" || typeof value.getReader === "function") this.refuse("a stream: read it to its end");
        if ((0, import_types3.isWeakMap)(value) || (0, import_types3.isWeakSet)(value)) this.refuse("a weak collection");
        if ((0, import_types3.isBoxedPrimitive)(value)) this.refuse("a boxed primitive");
        if ((0, import_types3.isProxy)(value)) this.refuse("a Proxy");
      }
      /** @param {string} what @returns {never} */
      refuse(what) {
        const { name, depth } = this.place;
        const where = this.path.slice(depth).map((step) => `[${JSON.stringify(step)}]`).join("");
        throw new ValueNotSupported(`${name}${where} is ${what}, which can not be given to Python.`);
      }
    };
    STRING_OR_LONG_INTEGER = /"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;
    BIGINT = `bigint:${Math.random()}${Math.random()}:`;
  }
});

// src/js_host/runtime/values.mjs
function valueFrame(id, kind, value, extra = 0, place = RESULT_PLACE) {
  if (typeof value === "string" && value.length >= LONG_TEXT) {
    const frame = longTextFrame(id, kind, value, extra);
    if (!frame.includes(REPLACEMENT) || value.isWellFormed()) return frame;
  }
  if (isPlain(value, 0)) return textFrame(id, kind, value === void 0 ? "null" : JSON.stringify(value), extra);
  const { text, attachments } = encodeRich(value, place);
  const parts = richFrame(id, kind, text, attachments, extra);
  return bodyLength(parts) < MOST_COPIED ? Buffer.concat(parts) : parts;
}
function isPlain(value, depth) {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return true;
    case "number":
      return isPlainNumber(value);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth >= MAX_DEPTH2) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) if (!isPlain(value[key], depth + 1)) return false;
  return true;
}
function decodeValue(bytes, start2, end, flags2, owned, program = null) {
  if (flags2 & RICH) {
    const part = splitRich(bytes, start2, end);
    const attachments = owned ? part.attachments : part.attachments.map(copy);
    return decodeRich(JSON.parse(decodeText2(bytes, part.start, part.end)), attachments, program);
  }
  const text = decodeText2(bytes, start2, end);
  return hasLongInteger(bytes, start2, end) ? parseExactly(text) : JSON.parse(text);
}
function hasLongInteger(bytes, start2, end) {
  for (let at = start2 + LONG_INTEGER - 1; at < end; at += LONG_INTEGER) {
    if (!isDigit(bytes[at])) continue;
    let first = at;
    while (first > start2 && isDigit(bytes[first - 1])) first--;
    let last = at;
    while (last + 1 < end && isDigit(bytes[last + 1])) last++;
    if (last - first + 1 >= LONG_INTEGER && (first === start2 || bytes[first - 1] !== POINT)) return true;
    at = last;
  }
  return false;
}
function isDigit(byte) {
  return byte >= 48 && byte <= 57;
}
function decodeText2(bytes, start2, end) {
  const text = bytes.utf8Slice(start2, end);
  if (text.includes("\uFFFD") && !(0, import_node_buffer2.isUtf8)(bytes.subarray(start2, end))) throw new FrameError("A text in a frame is no UTF-8.");
  return text;
}
function copy(bytes) {
  return Buffer.from(bytes);
}
var import_node_buffer2, RESULT_PLACE, LONG_TEXT, REPLACEMENT, MOST_COPIED, LONG_INTEGER, POINT;
var init_values = __esm({
  "src/js_host/runtime/values.mjs"() {
    import_node_buffer2 = require("node:buffer");
    init_frames();
    init_rich();
    RESULT_PLACE = { name: "result", depth: 0 };
    LONG_TEXT = 8192;
    REPLACEMENT = Buffer.from("\uFFFD");
    MOST_COPIED = 16 * 1024;
    LONG_INTEGER = 16;
    POINT = 46;
  }
});

// src/js_host/runtime/messages.mjs
function errorFrame(id, error, limit) {
  const frame = textFrame(id, ERROR, JSON.stringify(error));
  return bodyLength(frame) <= limit ? frame : textFrame(id, ERROR, JSON.stringify(beginningOf(error, limit / LARGEST_SHARE)));
}
function beginningOf({ type, name, message, stack, maybeExecuted, fault }, most) {
  return { type, name: name.slice(0, most), message: message.slice(0, most), stack: stack?.slice(0, most), maybeExecuted, fault };
}
function byeFrame(bye) {
  return textFrame(0, BYE, JSON.stringify(bye));
}
function warningFrame(text) {
  return textFrame(0, LOG, JSON.stringify({ level: "warn", text }));
}
function helloFrame(hello) {
  return textFrame(0, HELLO, JSON.stringify({ protocol: PROTOCOL, ...hello }));
}
function readHello(bytes, start2, end) {
  let hello;
  try {
    hello = JSON.parse(decodeText2(bytes, start2, end));
  } catch {
    throw new FrameError("The first frame is no hello.");
  }
  if (hello?.protocol !== PROTOCOL) {
    throw new FrameError(`This worker speaks version ${PROTOCOL} of the protocol, the client ${JSON.stringify(hello?.protocol)}. Install the same version of js-host on both sides.`);
  }
  return hello;
}
function unknownFunction(name, known) {
  const names = known.length > 0 ? `It has: ${known.join(", ")}.` : "It exports none: write module.exports = { functions: { \u2026 } }, or `export function name (data) { \u2026 }`.";
  return { type: "unknown-function", name: "UnknownFunction", message: `The config has no function named ${JSON.stringify(name)}. ${names}`, maybeExecuted: false };
}
function timedOut(time, callbackStyle, inParts) {
  const hint = callbackStyle && !inParts ? CALL_BACK : GIVE_TIME;
  return {
    type: "timeout",
    name: "TimeoutError",
    message: `no ${inParts ? "further part of its stream" : "result"} within ${seconds(time)}. ${hint}`,
    maybeExecuted: true
  };
}
function seconds(time) {
  const step = time < 1e3 ? 10 : 100;
  return `${Math.ceil(time / step) * step / 1e3} s`;
}
function tooLarge(size, limit) {
  return {
    type: "too-large",
    name: "PayloadTooLarge",
    message: `The result takes ${size} bytes; the limit is ${limit}. Raise requestDataLimit in the config, or return less.`,
    maybeExecuted: true
  };
}
function unwantedStream(name) {
  const message = `Function "${name}" returned a stream: call it with \`.stream(...)\`, or let it return one value.`;
  return { type: "bad-value", name: "ValueNotSupported", message, maybeExecuted: true };
}
function badValue(error) {
  return { type: "bad-value", name: error.name, message: error.message, maybeExecuted: true };
}
var PROTOCOL, LARGEST_SHARE, GIVE_TIME, CALL_BACK, TOO_LATE, TooLarge, STOPPING, NO_TOKEN, WRONG_TOKEN;
var init_messages = __esm({
  "src/js_host/runtime/messages.mjs"() {
    init_frames();
    init_values();
    PROTOCOL = 1;
    LARGEST_SHARE = 20;
    GIVE_TIME = "If it needs longer, give it a longer `timeout`.";
    CALL_BACK = "It has two parameters, so only a call of its callback, `cb(null, result)`, is a result. If the second is meant to be the context, write `(data, context = null)`.";
    TOO_LATE = { type: "timeout", name: "TimeoutError", message: "the deadline had passed before it could start.", maybeExecuted: false };
    TooLarge = class extends RangeError {
      /** @param {number} size @param {number} limit */
      constructor(size, limit) {
        super();
        this.description = tooLarge(size, limit);
      }
    };
    STOPPING = { type: "stopping", name: "Stopping", message: "The worker is stopping and takes no more calls.", maybeExecuted: false };
    NO_TOKEN = "This host wants its token, and none came. Give it in TOKEN or TOKEN_FILE, or in the variable JS_HOST_TOKEN.";
    WRONG_TOKEN = "The token that came is not the one of this host. Look at TOKEN, TOKEN_FILE and the variable JS_HOST_TOKEN.";
  }
});

// src/js_host/runtime/ends.mjs
var OK, ERROR2, TIMEOUT, CANCELLED;
var init_ends = __esm({
  "src/js_host/runtime/ends.mjs"() {
    OK = "ok";
    ERROR2 = "error";
    TIMEOUT = "timeout";
    CANCELLED = "cancelled";
  }
});

// src/js_host/runtime/questions.mjs
function placeOf2(fn) {
  const place = {};
  Error.captureStackTrace(place, fn);
  return place;
}
function readFault(bytes, start2, end) {
  let fault;
  try {
    fault = JSON.parse(decodeText2(bytes, start2, end));
  } catch {
  }
  if (fault === null || typeof fault !== "object") throw new FrameError("A fault came in that is no JSON object.");
  return { name: String(fault.name ?? "Exception"), message: String(fault.message ?? ""), stack: String(fault.stack ?? "") };
}
function causeOf(error) {
  try {
    return error.cause;
  } catch {
    return void 0;
  }
}
var ARGUMENTS, MAX_DEPTH3, PythonError, Questions, ProgramIterator;
var init_questions = __esm({
  "src/js_host/runtime/questions.mjs"() {
    init_errors();
    init_frames();
    init_rich();
    init_values();
    ARGUMENTS = { name: "arguments", depth: 1 };
    MAX_DEPTH3 = 8;
    PythonError = class extends Error {
      /** @param {{name: string, message: string, stack: string}} fault @param {{stack?: string}} place */
      constructor({ name, message, stack }, place) {
        super(message);
        const frames = ownFrames(String(place.stack)).split("\n").filter((line) => line.startsWith("    at "));
        const text = [message === "" ? name : `${name}: ${message}`, ...frames, "", stack.trimEnd()].join("\n");
        for (const [key, value] of [["name", name], ["stack", text]]) {
          Object.defineProperty(this, key, { value, writable: true, configurable: true });
        }
      }
    };
    Questions = class {
      /** @param {import('./connection.mjs').Connection} connection @param {import('./functions.mjs').Call} call */
      constructor(connection, call) {
        this.connection = connection;
        this.call = call;
        this.open = /* @__PURE__ */ new Map();
        this.last = 0;
        this.faults = /* @__PURE__ */ new WeakMap();
      }
      /** A function that calls one of the program's. @param {number} n */
      callable(n) {
        const use = (...args) => this.ask([n, "call", args], placeOf2(use));
        return use;
      }
      /** What reads one of the program's iterators. @param {number} n */
      iterator(n) {
        return new ProgramIterator(this, n);
      }
      /**
       * @param {unknown[]} question @param {{stack?: string}} place @param {boolean} [iterates] the answer is an item of an iterator
       * @returns {Promise<any>}
       */
      ask(question, place, iterates = false) {
        const { call, connection, open } = this;
        if (call.settled) return Promise.reject(this.tooLate());
        const number = this.last = this.last % 4294967295 + 1;
        try {
          connection.write(this.encode(question, number));
        } catch (error) {
          return Promise.reject(error);
        }
        const one = (
          /** @type {Open} */
          { iterates, place }
        );
        one.promise = new Promise((resolve4, reject) => Object.assign(one, { resolve: resolve4, reject }));
        open.set(number, one);
        return one.promise;
      }
      /** @param {unknown[]} question @param {number} number */
      encode(question, number) {
        const { limit } = this.connection.worker;
        const frame = valueFrame(this.call.id, ASK, question, number, ARGUMENTS);
        const size = bodyLength(frame);
        if (size <= limit) return frame;
        throw new RangeError(`The arguments take ${size} bytes; the limit is ${limit}. Raise requestDataLimit in the config, or pass less.`);
      }
      /**
       * What the program says to a question.
       * @param {number} kind ANSWER, END or FAULT @param {number} number
       * @param {Buffer} bytes @param {number} start @param {number} end @param {number} flags @param {boolean} owned
       */
      answered(kind, number, bytes, start2, end, flags2, owned) {
        const one = this.open.get(number);
        if (one === void 0) return;
        this.open.delete(number);
        if (kind === END) return one.resolve(one.iterates ? { done: true, value: void 0 } : void 0);
        if (kind !== ANSWER) return one.reject(this.fault(number, bytes, start2, end, one.place));
        try {
          const value = decodeValue(bytes, start2, end, flags2, owned, this);
          one.resolve(one.iterates ? { done: false, value } : value);
        } catch (error) {
          if (!(error instanceof ValueNotSupported || error instanceof SyntaxError)) throw error;
          one.reject(error);
        }
      }
      /** @param {number} number @param {Buffer} bytes @param {number} start @param {number} end @param {{stack?: string}} place */
      fault(number, bytes, start2, end, place) {
        const error = new PythonError(readFault(bytes, start2, end), place);
        this.faults.set(error, number);
        return error;
      }
      /** The question whose fault an error is, or is caused by. @param {unknown} error @returns {number | undefined} */
      faultOf(error) {
        for (let depth = 0; depth <= MAX_DEPTH3 && isError(error); depth++) {
          const number = this.faults.get(error);
          if (number !== void 0) return number;
          error = causeOf(error);
        }
      }
      /** The call has ended: nobody answers any more, and nobody needs to be told of it who did not wait. */
      end() {
        for (const { promise, reject } of this.open.values()) {
          promise.catch(() => {
          });
          reject(this.tooLate());
        }
        this.open.clear();
      }
      tooLate() {
        return new Error(`The call of "${this.call.name}" has ended: what the program passed to it can be used during the call only.`);
      }
    };
    ProgramIterator = class {
      #questions;
      #n;
      #over = false;
      /** @type {Promise<unknown>} */
      #last = Promise.resolve();
      /** @param {Questions} questions @param {number} n */
      constructor(questions, n) {
        this.#questions = questions;
        this.#n = n;
      }
      [Symbol.asyncIterator]() {
        return this;
      }
      /** @returns {Promise<IteratorResult<unknown>>} */
      next() {
        const place = placeOf2(this.next);
        return this.#inTurn(() => this.#ask(place));
      }
      /** Nobody wants more items. @param {unknown} [value] */
      return(value) {
        const place = placeOf2(this.return);
        return this.#inTurn(async () => {
          if (!this.#over && !this.#questions.call.settled) {
            this.#over = true;
            await this.#questions.ask([this.#n, "close"], place);
          }
          return { done: true, value };
        });
      }
      /** @param {{stack?: string}} place */
      async #ask(place) {
        if (this.#over) return { done: true, value: void 0 };
        this.#over = true;
        const step = await this.#questions.ask([this.#n, "next"], place, true);
        this.#over = step.done;
        return step;
      }
      /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
      #inTurn(work) {
        const result = this.#last.then(work, work);
        this.#last = result;
        return result;
      }
    };
  }
});

// src/js_host/runtime/streams.mjs
function isStream(value) {
  if (value === null || typeof value !== "object") return false;
  try {
    return typeof value[Symbol.asyncIterator] === "function" || typeof value.next === "function" && typeof value[Symbol.iterator] === "function";
  } catch {
    return false;
  }
}
function openStream(stream) {
  if (typeof stream.getReader === "function") {
    const reader = stream.getReader();
    return { next: () => reader.read(), close: (reason) => reader.cancel(reason) };
  }
  const iterator = typeof stream[Symbol.asyncIterator] === "function" ? stream[Symbol.asyncIterator]() : stream[Symbol.iterator]();
  if (typeof stream.destroy !== "function") return { next: () => iterator.next(), close: () => iterator.return?.() };
  stream.on?.("error", () => {
  });
  return { next: () => iterator.next(), close: () => stream.destroy() };
}
function closeStream(host, name, stream, reason) {
  closeSource(host, name, () => openStream(stream).close(reason));
}
function closeSource(host, name, close) {
  const failed2 = (error) => logLateError(host, name, error);
  try {
    const closing = close();
    if (isThenable(closing)) closing.then(void 0, failed2);
  } catch (error) {
    failed2(error);
  }
}
var SLICE, Pump;
var init_streams = __esm({
  "src/js_host/runtime/streams.mjs"() {
    init_frames();
    init_functions();
    init_originals();
    SLICE = 5;
    Pump = class {
      /**
       * @param {import('./calls.mjs').Calls} calls @param {import('./functions.mjs').Call} call @param {unknown} stream
       */
      constructor(calls, call, stream) {
        this.calls = calls;
        this.call = call;
        this.source = openStream(stream);
        this.credit = WINDOW;
        this.sliceEnd = 0;
        this.resume = null;
      }
      /** Send all parts, until the stream or its call has ended. */
      async run() {
        const { call, calls } = this;
        this.sliceEnd = performance.now() + SLICE;
        try {
          while (true) {
            if (this.credit <= 0 || performance.now() >= this.sliceEnd) await this.pause();
            if (call.settled) return;
            const taken = this.take();
            const step = isThenable(taken) ? await taken : taken;
            if (call.settled) return;
            if (step.done) return calls.finish(call);
            const value = isThenable(step.value) ? await step.value : step.value;
            if (call.settled || !this.send(value)) return;
          }
        } catch (error) {
          calls.fail(call, error);
        }
      }
      /** Take the next part: its deadline counts from now. */
      take() {
        const { call, calls: { worker, timeOut } } = this;
        worker.renew(call, timeOut);
        worker.begin(call);
        try {
          return this.source.next();
        } finally {
          worker.pause();
        }
      }
      /** @param {unknown} value @returns {boolean} whether it could be sent */
      send(value) {
        const { call, calls } = this;
        try {
          const frame = calls.encode(call.id, CHUNK, value);
          this.credit -= Math.max(bodyLength(frame), LEAST_COST);
          calls.connection.write(frame);
          return true;
        } catch (error) {
          calls.refuseResult(call, error);
          this.close(error);
          return false;
        }
      }
      /** Wait for credit, which has no deadline, or for a turn of the event loop. */
      async pause() {
        if (this.credit > 0) await new Promise((resolve4) => setImmediate(resolve4));
        else {
          this.call.deadline = 0;
          await new Promise((resolve4) => {
            this.resume = () => resolve4(null);
          });
        }
        this.sliceEnd = performance.now() + SLICE;
      }
      /** The reader has consumed so much. @param {number} bytes */
      grant(bytes) {
        this.credit += bytes;
        if (this.credit > 0) this.wake();
      }
      wake() {
        this.resume?.();
        this.resume = null;
      }
      /** Nobody wants more. @param {unknown} reason */
      close(reason) {
        this.wake();
        closeSource(this.calls.worker.host, this.call.name, () => this.source.close(reason));
      }
    };
  }
});

// src/js_host/runtime/traces.mjs
function splitName(name) {
  const mark = name.indexOf("\0");
  const traceparent = mark < 0 ? void 0 : readTraceparent(name.slice(mark + 1));
  return { name: traceparent === void 0 ? name : name.slice(0, mark), traceparent };
}
function readTraceparent(text) {
  return text !== void 0 && TRACEPARENT.test(text) ? text : void 0;
}
var TRACEPARENT;
var init_traces = __esm({
  "src/js_host/runtime/traces.mjs"() {
    TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
  }
});

// src/js_host/runtime/calls.mjs
function describeRefused(error) {
  if (error instanceof ValueNotSupported) return badValue(error);
  return error instanceof TooLarge ? error.description : { ...describeError(error), maybeExecuted: true };
}
var Calls;
var init_calls = __esm({
  "src/js_host/runtime/calls.mjs"() {
    init_errors();
    init_frames();
    init_functions();
    init_messages();
    init_ends();
    init_originals();
    init_questions();
    init_rich();
    init_streams();
    init_traces();
    init_values();
    Calls = class {
      /** @param {import('./connection.mjs').Connection} connection */
      constructor(connection) {
        this.connection = connection;
        this.worker = connection.worker;
        this.open = /* @__PURE__ */ new Map();
        this.timeOut = this.timeOut.bind(this);
      }
      /**
       * A CALL has come in, in bytes[at..end).
       * @param {number} id @param {Buffer} bytes @param {number} at @param {number} end @param {boolean} owned
       */
      begin(id, bytes, at, end, owned) {
        const { worker } = this;
        const start2 = at + HEADER_SIZE + (bytes[at + 10] | bytes[at + 11] << 8);
        if (start2 > end) throw new FrameError("The name of a function is longer than its frame.");
        if (id === 0 || this.open.has(id)) throw new FrameError(`A call came in under the id ${id}, which ${id === 0 ? "is none" : "is in use"}.`);
        if (worker.takesNoCalls) return this.refuseWith(id, STOPPING);
        let name = bytes.utf8Slice(at + HEADER_SIZE, start2);
        let entry = worker.host.functions[name];
        let traceparent;
        if (entry === void 0) {
          ({ name, traceparent } = splitName(name));
          entry = worker.host.functions[name];
        }
        if (entry === void 0) return this.refuseWith(id, unknownFunction(name, Object.keys(worker.host.functions)));
        const milliseconds = readUint32(bytes, at + 12);
        const flags2 = bytes[at + 9];
        const call = new Call(id, name, milliseconds === 0 ? 0 : this.connection.arrival + milliseconds, milliseconds, (flags2 & STREAM) !== 0, ++worker.count);
        if (call.deadline !== 0 && (flags2 & PATIENT) === 0 && performance.now() > call.deadline) return this.refuseWith(id, TOO_LATE);
        if (traceparent !== void 0) call.traceparent = traceparent;
        this.run(call, entry, bytes, start2, end, flags2, owned);
      }
      /**
       * @param {Call} call @param {import('./functions.mjs').FunctionEntry} entry
       * @param {Buffer} bytes @param {number} start @param {number} end @param {number} flags @param {boolean} owned
       */
      run(call, entry, bytes, start2, end, flags2, owned) {
        const { worker } = this;
        let data, isLater;
        let value;
        if ((flags2 & RICH) !== 0) call.questions = new Questions(this.connection, call);
        try {
          data = decodeValue(bytes, start2, end, flags2, owned, call.questions);
        } catch (error) {
          return this.refuse(call.id, error);
        }
        if ((flags2 & PATIENT) !== 0) call.renew();
        if (worker.host.metrics !== null) worker.host.metrics.began(call, this.connection.arrival);
        worker.begin(call);
        try {
          value = worker.attribution.scope(call, entry.goesOn).runInAsyncScope(entry.run, entry, worker.host, data, call);
          isLater = value !== null && typeof value === "object" && typeof value.then === "function";
        } catch (error) {
          worker.pause();
          return this.fail(call, error);
        }
        worker.pause();
        if (isLater) {
          entry.goesOn = true;
          this.wait(call, value);
        } else this.settle(call, value);
      }
      /** The data can not be read: the function does not run. @param {number} id @param {unknown} error */
      refuse(id, error) {
        if (error instanceof FrameError) throw error;
        this.refuseWith(id, { ...badValue(
          /** @type {Error} */
          error
        ), maybeExecuted: false });
      }
      /** The call, or its result, is not taken. @param {number} id @param {import('./messages.mjs').ErrorMessage} error */
      refuseWith(id, error) {
        this.worker.host.metrics?.refuse(error.type);
        this.tell(id, error);
      }
      /** @param {number} id @param {import('./messages.mjs').ErrorMessage} error */
      tell(id, error) {
        this.connection.write(errorFrame(id, error, this.worker.limit));
      }
      /** The result comes later. @param {Call} call @param {PromiseLike<unknown>} promise */
      wait(call, promise) {
        this.keep(call);
        Promise.resolve(promise).then((value) => this.settle(call, value), (error) => this.fail(call, error));
      }
      /** The call goes on. @param {Call} call */
      keep(call) {
        if (this.open.has(call.id)) return;
        this.open.set(call.id, call);
        this.worker.wait(call, this.timeOut);
      }
      /** @param {Call} call @param {unknown} value */
      settle(call, value) {
        const late2 = call.deadline !== 0 && performance.now() > call.deadline;
        if (isStream(value)) return this.stream(call, value, late2);
        if (!this.end(call, late2 ? TIMEOUT : OK)) return;
        if (late2) this.timedOut(call);
        else this.answer(call.id, value);
      }
      /** The result comes in parts. @param {Call} call @param {unknown} stream @param {boolean} late */
      stream(call, stream, late2) {
        if (call.settled || late2 || !call.streams) {
          if (this.end(call, late2 ? TIMEOUT : ERROR2)) late2 ? this.timedOut(call) : this.tell(call.id, unwantedStream(call.name));
          return closeStream(this.worker.host, call.name, stream);
        }
        this.keep(call);
        try {
          call.pump = new Pump(this, call, stream);
        } catch (error) {
          return this.fail(call, error);
        }
        this.worker.attribution.within(call, () => call.pump?.run());
      }
      /** A stream has ended. @param {Call} call */
      finish(call) {
        if (this.end(call, OK)) this.connection.write(textFrame(call.id, END, ""));
      }
      /** @param {Call} call @param {unknown} error */
      fail(call, error) {
        const fault = call.questions?.faultOf(error);
        if (this.end(call, ERROR2)) this.tell(call.id, { ...describeError(error), fault, maybeExecuted: true });
      }
      /** @param {Call} call */
      timeOut(call) {
        if (call.settled) return;
        this.timedOut(call);
        this.abandon(call, new DOMException("The deadline of the call has passed.", "TimeoutError"), TIMEOUT);
      }
      /** @param {Call} call */
      timedOut(call) {
        this.tell(call.id, timedOut(call.time, this.worker.host.functions[call.name].callbackStyle, call.pump !== null));
      }
      /** Nobody waits for the call any more: its function may notice, or go on in vain. @param {Call} call @param {DOMException} reason @param {End} [end] */
      abandon(call, reason, end = CANCELLED) {
        if (!this.end(call, end)) return;
        if (call.pump === null) this.worker.host.counters.abandoned++;
        call.abort(reason);
      }
      /** The calls can not be waited for much longer: streams end here, the others may still answer. */
      outOfTime() {
        for (const call of [...this.open.values()]) {
          const reason = outOfTime();
          if (call.pump !== null) this.fail(call, reason);
          call.abort(reason);
        }
      }
      /** @param {DOMException} reason */
      abandonAll(reason) {
        for (const call of [...this.open.values()]) this.abandon(call, reason);
      }
      /** A call ends once; what comes later is dropped. @param {Call} call @param {End} end @returns {boolean} */
      end(call, end) {
        if (call.settled) return false;
        call.settled = true;
        if (this.worker.host.metrics !== null) this.worker.host.metrics.ended(call, end);
        if (call.questions !== null) call.questions.end();
        if (call.slot !== null) this.worker.attribution.giveBack(call);
        if (this.open.delete(call.id)) this.worker.done(call);
        return true;
      }
      /** The caller has cancelled a call. @param {number} id */
      cancel(id) {
        const call = this.open.get(id);
        if (call !== void 0) this.abandon(call, new DOMException("The caller has cancelled the call.", "AbortError"));
      }
      /** @param {number} id @param {unknown} value */
      answer(id, value) {
        let frame;
        try {
          frame = this.encode(id, RESULT, value);
        } catch (error) {
          return this.refuseWith(id, describeRefused(error));
        }
        this.connection.write(frame);
        if (Array.isArray(frame)) this.connection.flush();
      }
      /**
       * The frame of a value. Throws what says why it can not cross.
       * @param {number} id @param {number} kind @param {unknown} value
       */
      encode(id, kind, value) {
        const frame = valueFrame(id, kind, value);
        const size = bodyLength(frame);
        if (size > this.worker.limit) throw new TooLarge(size, this.worker.limit);
        return frame;
      }
      /** Part of a stream can not cross. @param {Call} call @param {unknown} error */
      refuseResult(call, error) {
        if (this.end(call, ERROR2)) this.refuseWith(call.id, describeRefused(error));
      }
    };
  }
});

// src/js_host/runtime/patience.mjs
function later(time, look) {
  return setTimeout(setImmediate, time, look);
}
var HELLO_TIMEOUT, FRAME_TIMEOUT, LEAST_PROGRESS, Patience;
var init_patience = __esm({
  "src/js_host/runtime/patience.mjs"() {
    init_frames();
    init_originals();
    HELLO_TIMEOUT = 5e3;
    FRAME_TIMEOUT = 3e4;
    LEAST_PROGRESS = 32 * 1024;
    Patience = class {
      /** @param {{bytes: number, listening: boolean, reader: import('./frames.mjs').FrameReader, protocolError: (error: unknown) => void}} connection */
      constructor(connection) {
        this.connection = connection;
        this.timer = null;
      }
      /** Part of a frame has come, or no part is left. */
      look() {
        this.end();
        if (!this.connection.reader.isPartial) return;
        const before = this.connection.bytes;
        const timer = this.timer = later(FRAME_TIMEOUT, () => {
          if (this.timer === timer) this.#judge(before);
        });
      }
      end() {
        if (this.timer !== null) clearTimeout(this.timer);
        this.timer = null;
      }
      /** @param {number} before how many bytes had come when the waiting began */
      #judge(before) {
        this.end();
        const { bytes, listening } = this.connection;
        if (!listening || bytes - before >= LEAST_PROGRESS) return this.look();
        this.connection.protocolError(new FrameError(`Part of a frame came, and its rest not within ${FRAME_TIMEOUT / 1e3} s.`));
      }
    };
  }
});

// src/js_host/runtime/attribution.mjs
var FIRST_CHEAP_NODE, SLOTS, Attribution;
var init_attribution = __esm({
  "src/js_host/runtime/attribution.mjs"() {
    FIRST_CHEAP_NODE = 24;
    SLOTS = 1024;
    Attribution = class {
      /** @param {import('./worker.mjs').Worker} worker @param {string} [version] of Node */
      constructor(worker, version = process.versions.node) {
        this.worker = worker;
        const hooks = process.getBuiltinModule("node:async_hooks");
        this.Scope = hooks.AsyncResource;
        this.clean = new this.Scope("js-host");
        this.storage = parseInt(version) >= FIRST_CHEAP_NODE ? new hooks.AsyncLocalStorage() : null;
        this.made = 0;
        this.free = [];
        this.first = 0;
        this.count = 0;
      }
      /**
       * Where the call's function is to run.
       * @param {Call} call @param {boolean} goesOn after it has returned, as far as is known
       * @returns {import('node:async_hooks').AsyncResource}
       */
      scope(call, goesOn) {
        if (this.storage === null) return new this.Scope("js-host call");
        if (goesOn && call.slot === null) call.slot = this.lend(call);
        return call.slot === null ? this.clean : call.slot.scope;
      }
      /**
       * Do work that is the call's, and so is what follows from it, until the call has ended and long after.
       * @template T @param {Call} call @param {() => T} work @returns {T}
       */
      within(call, work) {
        return this.scope(call, true).runInAsyncScope(work);
      }
      /** @param {Call} call @returns {Slot | null} */
      lend(call) {
        if (this.made < SLOTS) return this.make(call);
        if (this.count === 0) return null;
        const slot = this.free[this.first];
        this.first = (this.first + 1) % SLOTS;
        this.count--;
        slot.origin = call;
        return slot;
      }
      /** @param {Origin} origin @returns {Slot} */
      make(origin) {
        this.made++;
        const slot = (
          /** @type {Slot} */
          { origin }
        );
        this.clean.runInAsyncScope(() => this.storage?.run(slot, () => {
          slot.scope = new this.Scope("js-host call");
        }));
        return slot;
      }
      /** The call has ended. What it says from now on is still its own. @param {Call} call */
      giveBack(call) {
        const slot = (
          /** @type {Slot} */
          call.slot
        );
        slot.origin = { name: call.name, number: call.number };
        this.free[(this.first + this.count++) % SLOTS] = slot;
      }
      /** @returns {Origin | null} */
      current() {
        const { running, waiting } = this.worker;
        return running ?? this.storage?.getStore()?.origin ?? (waiting.size === 1 ? waiting.keys().next().value ?? null : null);
      }
    };
  }
});

// src/js_host/runtime/spin.mjs
var SHORTEST_SPAN, MAX_SKIP, INTERRUPTED, REST, Spinner;
var init_spin = __esm({
  "src/js_host/runtime/spin.mjs"() {
    init_originals();
    SHORTEST_SPAN = 0.03;
    MAX_SKIP = 256;
    INTERRUPTED = 2;
    REST = 30;
    Spinner = class {
      /** @param {number} microseconds how long to keep turning after an answer at most; 0 is never */
      constructor(microseconds) {
        this.limit = microseconds / 1e3;
        this.span = this.limit;
        this.until = 0;
        this.lastAnswer = -Infinity;
        this.lastTurn = 0;
        this.restUntil = 0;
        this.skip = 0;
        this.backOff = 1;
        this.turning = false;
        this.turn = () => this.next(performance.now());
      }
      /** Go on turning, or sleep. @param {number} now */
      next(now) {
        const spent = now - this.lastTurn;
        this.lastTurn = now;
        if (spent > INTERRUPTED) this.restUntil = now + spent * REST;
        this.turning = now < this.until && now >= this.restUntil;
        if (this.turning) setImmediate(this.turn);
        else this.backOff = this.skip = Math.min(this.backOff * 2, MAX_SKIP);
      }
      /**
       * Whether a request that arrives now follows the last answer closely, so that the next one is likely to.
       * @param {number} now
       */
      isClose(now) {
        const gap = now - this.lastAnswer;
        if (gap >= this.limit) return false;
        this.span = Math.min(Math.max(gap * 2, SHORTEST_SPAN), this.limit);
        if (this.turning) this.backOff = this.backOff >> 1 || 1;
        return true;
      }
      /**
       * An answer was written.
       * @param {boolean} close what `isClose()` said when its request arrived
       * @returns {number} when that was
       */
      answered(close) {
        const now = performance.now();
        if (this.limit === 0) return now;
        this.lastAnswer = this.lastTurn = now;
        if (close && now >= this.restUntil) this.spin(now);
        return now;
      }
      /** @param {number} now */
      spin(now) {
        if (this.skip > 0 && !this.turning) return void this.skip--;
        this.until = now + this.span;
        if (this.turning) return;
        this.turning = true;
        setImmediate(this.turn);
      }
    };
  }
});

// src/js_host/runtime/worker.mjs
var LINGER, REFRESH, LONGEST_TIMER, RUNNING, NEAREST, LEAVING, ENDLESS, TURNS, CELLS, Worker;
var init_worker = __esm({
  "src/js_host/runtime/worker.mjs"() {
    init_attribution();
    init_functions();
    init_messages();
    init_originals();
    init_spin();
    LINGER = 100;
    REFRESH = 50;
    LONGEST_TIMER = 2 ** 31 - 1;
    RUNNING = 0;
    NEAREST = 1;
    LEAVING = 2;
    ENDLESS = 3;
    TURNS = 4;
    CELLS = 5;
    Worker = class {
      /**
       * @param {import('./host.mjs').Host} host
       * @param {{spin?: number, sockets?: string[]}} [options] `spin` in microseconds; the private `sockets` of its host's workers
       */
      constructor(host, { spin = 0, sockets = [] } = {}) {
        this.host = host;
        this.limit = host.config.requestDataLimit;
        this.spinner = new Spinner(spin);
        this.sockets = sockets;
        this.attribution = new Attribution(this);
        this.count = 0;
        this.watchdog = null;
        this.cells = new Float64Array(CELLS);
        this.connections = /* @__PURE__ */ new Set();
        this.waiting = /* @__PURE__ */ new Map();
        this.running = null;
        this.refreshing = false;
        this.draining = false;
        this.onIdle = () => {
        };
        this.warning = "";
      }
      /** Let a watchdog see what runs. @param {import('./watchdog.mjs').Watchdog} watchdog */
      watch(watchdog) {
        this.watchdog = watchdog;
        this.cells = watchdog.cells;
        watchdog.onDoubt = () => this.refreshNearest();
        this.refreshNearest();
        for (const connection of this.connections) connection.takeSeat();
      }
      /** What a client is told first. @param {boolean} isNear it is on this machine, where the sockets of all workers are */
      hello(isNear) {
        const { host, limit, sockets } = this;
        const near = isNear && sockets.length > 0 ? { port: host.config.port, sockets } : {};
        return { version: host.version, node: process.version, pid: process.pid, limit, workers: sockets.length || 1, ...near, functions: Object.keys(host.functions) };
      }
      status() {
        return this.host.status();
      }
      /** What the supervisor is told when it asks: how many calls there were, which functions run, bytes of JavaScript's heap. */
      report() {
        const { counters, metrics } = this.host;
        const report = { calls: counters.calls, running: this.inFlight(), heap: process.memoryUsage().heapUsed };
        if (metrics === null) return report;
        const clients = [...this.connections].filter((connection) => connection.greeted);
        return { ...report, counters: metrics.counters(), gauges: { ...metrics.gauges(), connections: clients.length } };
      }
      /** @param {import('./connection.mjs').Connection} connection */
      opened(connection) {
        this.connections.add(connection);
      }
      /** @param {import('./connection.mjs').Connection} connection */
      closed(connection) {
        this.connections.delete(connection);
        this.watchdog?.closed(connection.seat);
        if (this.draining) this.checkIdle();
      }
      /**
       * Run a call that came alone, over HTTP. It has no deadline.
       * @param {import('./functions.mjs').FunctionEntry} entry @param {unknown} data @param {Call} call
       */
      async runAlone(entry, data, call) {
        call.number = ++this.count;
        this.waitForEver(call);
        this.begin(call);
        const result = this.host.runAlone(entry, data, call);
        this.pause();
        try {
          return await result;
        } finally {
          this.done(call);
        }
      }
      /** Nobody waits for such a call any more. @param {Call} call @param {Error} reason */
      abandon(call, reason) {
        this.done(call);
        call.abort(reason);
      }
      /** The call's function is about to be on the stack. @param {Call} call */
      begin(call) {
        this.running = call;
        this.cells[RUNNING] = call.deadline === 0 ? Infinity : call.deadline;
      }
      /** No function is on the stack. */
      pause() {
        this.running = null;
        this.cells[RUNNING] = 0;
      }
      /**
       * The call waits for a promise.
       * @param {Call} call @param {OnDeadline} onDeadline
       */
      wait(call, onDeadline) {
        if (call.deadline === 0) return this.waitForEver(call);
        const left = Math.min(Math.max(call.deadline - performance.now(), 1), LONGEST_TIMER);
        this.waiting.set(call, setTimeout(() => this.due(call, onDeadline), left));
        if (this.cells[NEAREST] === 0 || call.deadline < this.cells[NEAREST]) this.cells[NEAREST] = call.deadline;
      }
      /** @param {Call} call */
      waitForEver(call) {
        this.waiting.set(call, null);
        this.cells[ENDLESS]++;
      }
      /**
       * The next part of a stream is taken: its deadline counts from now. Its timer is not touched for that, but looks when it is due.
       * @param {Call} call @param {OnDeadline} onDeadline
       */
      renew(call, onDeadline) {
        if (call.time === 0) return;
        if (call.deadline === this.cells[NEAREST]) this.outdated();
        call.renew();
        const timer = this.waiting.get(call);
        if (timer === null) this.cells[ENDLESS]--;
        if (timer == null) this.wait(call, onDeadline);
      }
      /** @param {Call} call @param {OnDeadline} onDeadline */
      due(call, onDeadline) {
        if (call.deadline !== 0 && call.deadline <= performance.now()) onDeadline(call);
        else this.wait(call, onDeadline);
      }
      /** The call, which waited, has ended. @param {Call} call */
      done(call) {
        const timer = this.waiting.get(call);
        if (timer === null) this.cells[ENDLESS]--;
        else clearTimeout(timer);
        this.waiting.delete(call);
        if (this.waiting.size === 0) this.cells[NEAREST] = 0;
        else if (call.deadline === this.cells[NEAREST]) this.outdated();
        if (this.draining) this.checkIdle();
      }
      /** The nearest deadline is none any more. It is not looked for at each end of a call, but soon: the watchdog trusts it. */
      outdated() {
        if (this.refreshing) return;
        this.refreshing = true;
        setTimeout(() => this.refreshNearest(), REFRESH).unref();
      }
      /** Find the nearest deadline of the calls that wait. */
      refreshNearest() {
        this.refreshing = false;
        let nearest2 = Infinity;
        for (const call of this.waiting.keys()) if (call.deadline !== 0 && call.deadline < nearest2) nearest2 = call.deadline;
        this.cells[NEAREST] = nearest2 === Infinity ? 0 : nearest2;
      }
      /** Whether other workers have its calls from now on. */
      get takesNoCalls() {
        return this.draining || this.cells[LEAVING] !== 0;
      }
      /** Names of the functions that have not ended: one of them is behind what happens to the process now. */
      inFlight() {
        if (this.running !== null) return [this.running.name];
        return [...new Set([...this.waiting.keys()].map((call) => call.name))];
      }
      /**
       * Take no more calls, finish those that run, then call `onIdle`.
       * @param {() => void} onIdle @param {number} [time] how long that may take, in ms; 0 is as long as it likes
       */
      drain(onIdle, time = 0) {
        if (this.draining) return;
        this.draining = true;
        this.onIdle = onIdle;
        if (time > 0) setTimeout(() => this.outOfTime(), Math.min(noticeTime(time), LONGEST_TIMER)).unref();
        for (const connection of this.connections) if (connection.greeted) connection.write(this.leaving());
        this.lingering = this.connections.size > 0;
        if (this.lingering) setTimeout(() => {
          this.lingering = false;
          this.checkIdle();
        }, LINGER);
        this.checkIdle();
      }
      /** What clients are told where no further call will be taken. */
      leaving() {
        return byeFrame({ reason: "draining", message: "The worker is stopping." });
      }
      /** The supervisor is about to end this process. */
      outOfTime() {
        for (const connection of this.connections) connection.calls.outOfTime();
      }
      checkIdle() {
        if (this.isIdle()) setImmediate(() => {
          if (this.isIdle()) this.onIdle();
        });
      }
      /** Whether no call runs, and all answers have left. */
      isIdle() {
        if (this.waiting.size > 0 || this.lingering && this.connections.size > 0) return false;
        for (const connection of this.connections) if (connection.unsent) return false;
        return true;
      }
      /** Tell every client, also those that come later. @param {string} text */
      warn(text) {
        this.warning = text;
        for (const connection of this.connections) if (connection.greeted) connection.write(warningFrame(text));
      }
      /** Tell every client what becomes of its calls. @param {{reason: string, message: string, [field: string]: unknown}} bye */
      goodbye(bye) {
        const frame = byeFrame(bye);
        for (const connection of this.connections) {
          if (!connection.greeted) continue;
          connection.write(frame);
          connection.flush();
        }
      }
    };
  }
});

// src/js_host/runtime/connection.mjs
var import_node_net, MAX_HELLO, LONGEST_TURN, MOST_UNSENT, Connection;
var init_connection = __esm({
  "src/js_host/runtime/connection.mjs"() {
    import_node_net = require("node:net");
    init_calls();
    init_frames();
    init_messages();
    init_originals();
    init_patience();
    init_worker();
    MAX_HELLO = 16 * 1024;
    LONGEST_TURN = 1;
    MOST_UNSENT = 64 * 1024 * 1024;
    Connection = class {
      /**
       * @param {Worker} worker
       * @param {Source} source
       * @param {Buffer} [head] bytes that were read already
       * @param {Admits | null} [admits] asked about the token of the hello
       */
      constructor(worker, source, head, admits = null) {
        this.worker = worker;
        this.admits = admits;
        this.isNear = source.isNear === true;
        this.calls = new Calls(this);
        this.out = [];
        this.reading = false;
        this.feeding = false;
        this.flushing = false;
        this.greeted = false;
        this.broken = false;
        this.unsent = false;
        this.listening = true;
        this.arrival = 0;
        this.since = 0;
        this.hasRun = false;
        this.bytes = 0;
        this.patience = new Patience(this);
        this.fd = source.fd ?? source.handle?.fd ?? -1;
        this.seat = -1;
        this.flush = this.flush.bind(this);
        this.goOn = this.goOn.bind(this);
        this.reader = new FrameReader(this.onFrame.bind(this), Math.min(worker.limit, MAX_HELLO));
        this.socket = source.stream ?? new import_node_net.Socket({
          ...source,
          onread: { buffer: () => this.reader.getBuffer(), callback: (count) => this.onRead(count) }
        });
        this.takeSeat();
        if (source.stream !== void 0) this.socket.on("data", (bytes) => this.feed(bytes));
        this.socket.on("error", () => {
        });
        this.socket.on("end", () => this.socket.destroy());
        this.socket.on("close", () => this.closed());
        this.greeting = later(HELLO_TIMEOUT, () => {
          if (!this.greeted) this.socket.destroy();
        });
        worker.opened(this);
        if (head !== void 0) this.feed(head);
        if (this.listening) this.socket.resume();
      }
      takeSeat() {
        if (this.socket.destroyed) return;
        if (this.worker.watchdog !== null && this.fd >= 0) this.seat = this.worker.watchdog.opened(this.fd);
      }
      /** @param {Buffer} bytes */
      feed(bytes) {
        this.feeding = true;
        for (let at = 0; at < bytes.length; ) {
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
      onRead(count) {
        if (this.broken) return true;
        this.arrival = this.since = performance.now();
        this.bytes += count;
        return this.take(count, this.worker.spinner.isClose(this.arrival));
      }
      /**
       * Run what is complete, then write all answers at once.
       * @param {number} count how many bytes have arrived @param {boolean} close they followed the last answer closely
       * @returns {boolean} whether to read on now
       */
      take(count, close) {
        this.reading = true;
        this.hasRun = false;
        try {
          this.reader.received(count);
        } catch (error) {
          this.protocolError(error);
        }
        this.reading = false;
        this.flush();
        const now = this.worker.spinner.answered(close);
        if (this.reader.isPartial !== (this.patience.timer !== null)) this.patience.look();
        const { writableLength } = this.socket;
        this.listening = writableLength < MOST_UNSENT;
        if (!this.listening) return false;
        if (writableLength === 0 && !this.reader.isHeld && now - this.since < LONGEST_TURN) return true;
        setImmediate(this.goOn);
        return false;
      }
      /** The event loop has turned, or the client has read what it had to read. */
      goOn() {
        if (this.broken || this.socket.destroyed || !this.listening) return;
        this.since = performance.now();
        if (!this.reader.isHeld || this.take(0, false)) this.socket.resume();
      }
      /** @param {Buffer} bytes @param {number} at @param {number} length @param {boolean} owned @returns {unknown} HELD if its turn is the next one */
      onFrame(bytes, at, length, owned) {
        const kind = bytes[at + 8];
        const id = readUint32(bytes, at + 4);
        const start2 = at + HEADER_SIZE;
        if (kind === CALL2 && this.greeted) {
          if (this.hasRun && !this.feeding && performance.now() - this.since > LONGEST_TURN) return HELD;
          this.hasRun = true;
          return this.calls.begin(id, bytes, at, start2 + length, owned);
        }
        if (kind === HELLO && !this.greeted) return this.onHello(bytes, start2, start2 + length);
        if (!this.greeted) throw new FrameError("The first frame is no hello.");
        const extra = readUint32(bytes, at + 12);
        switch (kind) {
          case CANCEL:
            return this.calls.cancel(id);
          case CREDIT:
            return this.calls.open.get(id)?.pump?.grant(extra);
          case ANSWER:
          case END:
          case FAULT:
            return this.calls.open.get(id)?.questions?.answered(kind, extra, bytes, start2, start2 + length, bytes[at + 9], owned);
          case STATUS:
            return this.calls.answer(id, this.worker.status());
          case BYE:
            return;
          default:
            throw new FrameError(`A frame of an unknown kind came in: ${kind}.`);
        }
      }
      /** @param {Buffer} bytes @param {number} start @param {number} end */
      onHello(bytes, start2, end) {
        const { token } = readHello(bytes, start2, end);
        clearTimeout(this.greeting);
        const admitted = this.admits === null ? true : this.admits(token);
        if (admitted !== true) return this.turnAway(token === void 0, admitted);
        this.greeted = true;
        this.reader.limit = this.worker.limit;
        this.write(helloFrame(this.worker.hello(this.isNear)));
        if (this.worker.warning !== "") this.write(warningFrame(this.worker.warning));
        if (this.worker.draining) this.write(this.worker.leaving());
      }
      /** The client did not give the token of this host. @param {boolean} silent it gave none @param {Promise<unknown>} time to say so */
      async turnAway(silent, time) {
        this.broken = true;
        await time;
        this.leave(byeFrame({ reason: "refused", message: silent ? NO_TOKEN : WRONG_TOKEN }));
      }
      /** @param {Uint8Array | Uint8Array[]} frame */
      write(frame) {
        if (Array.isArray(frame)) for (const part of frame) this.out.push(part);
        else this.out.push(frame);
        this.scheduleFlush();
      }
      scheduleFlush() {
        if (this.reading || this.flushing) return;
        this.flushing = true;
        nextTick(this.flush);
      }
      /** Write all answers that are ready in one go. */
      flush() {
        this.flushing = false;
        const { out, socket } = this;
        if (out.length === 0) return;
        this.out = [];
        if (out.length === 1) socket.write(out[0]);
        else this.writeAll(out);
        if (socket.writableLength > 0 && !this.unsent) this.watchUnsent();
      }
      /** @param {Uint8Array[]} parts */
      writeAll(parts) {
        const { socket } = this;
        socket.cork();
        try {
          for (const part of parts) socket.write(part);
        } catch (error) {
          this.worker.host.logger.error("A connection is closed: bytes that a function gave were gone before they were sent.", error);
          socket.destroy();
        }
        socket.uncork();
      }
      /** Part of a frame waits to be sent: until it is, the watchdog must not write on this socket. */
      watchUnsent() {
        this.unsent = true;
        this.worker.watchdog?.setUnsent(this.seat, true);
        this.socket.write("", () => {
          if (this.socket.writableLength > 0) return this.watchUnsent();
          this.unsent = false;
          this.worker.watchdog?.setUnsent(this.seat, false);
          if (!this.listening) this.listenAgain();
          if (this.worker.draining) this.worker.checkIdle();
        });
      }
      /** The client has read what it had to read. */
      listenAgain() {
        this.listening = true;
        this.goOn();
      }
      /** @param {unknown} error */
      protocolError(error) {
        this.broken = true;
        const message = error instanceof Error ? error.message : String(error);
        if (!(error instanceof FrameError)) this.worker.host.logger.error(error);
        this.leave(byeFrame({ reason: "protocol", message }));
      }
      /** Say one thing more, and close. @param {Buffer} bye */
      leave(bye) {
        this.out.push(bye);
        this.flush();
        this.socket.destroySoon();
      }
      /** The client is gone: nobody waits for these calls any more. */
      closed() {
        clearTimeout(this.greeting);
        this.patience.end();
        this.worker.closed(this);
        this.calls.abandonAll(new DOMException("The caller is gone.", "AbortError"));
      }
    };
  }
});

// src/js_host/runtime/metrics.mjs
var metrics_exports = {};
__export(metrics_exports, {
  BOUNDS: () => BOUNDS,
  Metrics: () => Metrics
});
function late(nanoseconds) {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION);
}
var import_node_perf_hooks, BOUNDS, RESOLUTION, SPAN, Histogram, Numbers, Lag, Metrics;
var init_metrics = __esm({
  "src/js_host/runtime/metrics.mjs"() {
    import_node_perf_hooks = require("node:perf_hooks");
    init_ends();
    init_originals();
    BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1e3, 2500, 5e3, 1e4];
    RESOLUTION = 20;
    SPAN = 15e3;
    Histogram = class {
      constructor() {
        this.counts = new Array(BOUNDS.length + 1).fill(0);
        this.sum = 0;
      }
      /** @param {number} time in ms */
      observe(time) {
        let bucket = 0;
        while (time > BOUNDS[bucket]) bucket++;
        this.counts[bucket]++;
        this.sum += time;
      }
    };
    Numbers = class {
      constructor() {
        this.ends = { [OK]: 0, [ERROR2]: 0, [TIMEOUT]: 0, [CANCELLED]: 0 };
        this.duration = new Histogram();
        this.queue = new Histogram();
      }
    };
    Lag = class {
      constructor() {
        this.delay = (0, import_node_perf_hooks.monitorEventLoopDelay)({ resolution: RESOLUTION });
        this.delay.enable();
        this.since = performance.now();
        this.before = { mean: 0, p99: 0, max: 0 };
      }
      read() {
        const now = this.now();
        const { before } = this;
        if (performance.now() - this.since >= SPAN) {
          this.before = now;
          this.since = performance.now();
          this.delay.reset();
        }
        return { mean: now.mean, p99: Math.max(now.p99, before.p99), max: Math.max(now.max, before.max) };
      }
      now() {
        const { delay } = this;
        if (delay.count === 0) return { mean: 0, p99: 0, max: 0 };
        return { mean: late(delay.mean), p99: late(delay.percentile(99)), max: late(delay.max) };
      }
    };
    Metrics = class {
      constructor() {
        this.functions = /* @__PURE__ */ Object.create(null);
        this.refused = /* @__PURE__ */ Object.create(null);
        this.inFlight = 0;
        this.lag = new Lag();
      }
      /** A call's function is about to run. @param {import('./functions.mjs').Call} call @param {number} arrival */
      began(call, arrival) {
        call.arrival = arrival;
        this.inFlight++;
        const numbers = this.functions[call.name] ??= new Numbers();
        numbers.queue.observe(performance.now() - arrival);
      }
      /** @param {import('./functions.mjs').Call} call @param {import('./ends.mjs').End} end */
      ended(call, end) {
        const numbers = this.functions[call.name];
        if (numbers === void 0) return;
        this.inFlight--;
        numbers.ends[end]++;
        numbers.duration.observe(performance.now() - call.arrival);
      }
      /** @param {string} type of the error that was answered */
      refuse(type) {
        this.refused[type] = (this.refused[type] ?? 0) + 1;
      }
      /** What only grows. */
      counters() {
        return { functions: this.functions, refused: this.refused };
      }
      /** What goes up and down. */
      gauges() {
        return { bounds: BOUNDS, inFlight: this.inFlight, lag: this.lag.read() };
      }
    };
  }
});

// src/js_host/runtime/loopback.mjs
function isLoopback(address) {
  return /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address) || address === "::1" || address.toLowerCase() === "localhost";
}
var init_loopback = __esm({
  "src/js_host/runtime/loopback.mjs"() {
  }
});

// src/js_host/runtime/upgrade.mjs
function serveUpgrade(worker, socket, head, { encrypted = false, admits = null, onOpen = () => {
} } = {}) {
  const isNear = socket.remoteAddress === void 0 || isLoopback(socket.remoteAddress);
  socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: js-host/1\r\n\r\n", () => {
    if (!socket.destroyed) onOpen(new Connection(worker, encrypted ? { stream: socket } : { ...takeHandle(socket), isNear }, head, admits));
  });
}
function takeHandle(socket) {
  const handle2 = socket._handle;
  socket._handle = null;
  socket.destroy();
  return { handle: handle2 };
}
var init_upgrade = __esm({
  "src/js_host/runtime/upgrade.mjs"() {
    init_connection();
    init_loopback();
  }
});

// src/js_host/runtime/permissions.mjs
var permissions_exports = {};
__export(permissions_exports, {
  checkPermissions: () => checkPermissions,
  isDenied: () => isDenied
});
function checkPermissions() {
  const lacking = NEEDS.filter(([scope, flag]) => isDenied(scope, flag));
  if (lacking.length === 0) return;
  throw new ConfigError(
    "JS_HOST_PERMISSION",
    `Node runs with --permission, and without ${lacking.map(([, flag]) => flag).join(" and ")}.`,
    `A worker needs ${lacking.map(([, flag, purpose]) => `${flag} ${purpose}`).join("; and ")}. Give it beside --permission, in NODE_ARGS or with --node-arg.`
  );
}
function isDenied(scope, flag) {
  return process.permission !== void 0 && process.allowedNodeEnvironmentFlags.has(flag) && !process.permission.has(scope);
}
var NEEDS;
var init_permissions = __esm({
  "src/js_host/runtime/permissions.mjs"() {
    init_errors();
    NEEDS = [
      ["worker", "--allow-worker", "for the watchdog, which ends functions that block the event loop beyond their deadline"],
      ["net", "--allow-net", "for the sockets by which it is called: this Node counts them as network, Unix sockets too"]
    ];
  }
});

// src/js_host/runtime/installed.mjs
function packagesOf(file2) {
  const name = `${import_node_path4.default.sep}node_modules`;
  const at = file2.indexOf(name + import_node_path4.default.sep);
  return at < 0 ? null : file2.slice(0, at + name.length);
}
function read3(directory) {
  try {
    const names = import_node_fs6.default.readdirSync(directory).filter((name) => !name.startsWith(".")).sort();
    const packages = names.map((name) => `${name} ${bornAt(import_node_path4.default.join(directory, name))}`).join("\0");
    return { packages, record: RECORDS.map((name) => readRecord(import_node_path4.default.join(directory, name))).join("") };
  } catch {
    return null;
  }
}
function bornAt(directory) {
  return import_node_fs6.default.statSync(directory, { throwIfNoEntry: false })?.birthtimeMs ?? 0;
}
function readRecord(file2) {
  try {
    return import_node_fs6.default.readFileSync(file2, "utf8");
  } catch {
    return "";
  }
}
var import_node_fs6, import_node_path4, QUIET, RECORDS, Packages;
var init_installed = __esm({
  "src/js_host/runtime/installed.mjs"() {
    import_node_fs6 = __toESM(require("node:fs"), 1);
    import_node_path4 = __toESM(require("node:path"), 1);
    init_originals();
    QUIET = 500;
    RECORDS = [".package-lock.json", ".modules.yaml", ".yarn-integrity", ".yarn-state.yml"];
    Packages = class {
      /** @param {(directory: string) => void} onChange */
      constructor(onChange) {
        this.onChange = onChange;
        this.known = /* @__PURE__ */ new Map();
        this.timers = /* @__PURE__ */ new Map();
      }
      /** @param {string} directory @returns {boolean} whether it is new here */
      add(directory) {
        if (this.known.has(directory)) return false;
        this.known.set(directory, read3(directory));
        return true;
      }
      /** Something happened in a directory. @param {string} directory @returns {boolean} whether it is one of ours */
      heard(directory) {
        if (!this.known.has(directory)) return false;
        clearTimeout(this.timers.get(directory));
        this.timers.set(directory, setTimeout(() => this.look(directory), QUIET).unref());
        return true;
      }
      /** It is quiet there. @param {string} directory */
      look(directory) {
        const before = this.known.get(directory) ?? null;
        const now = read3(directory);
        if (now === null || now.record === "" && before !== null && before.record !== "") return;
        this.known.set(directory, now);
        if (before === null || now.record !== before.record || now.packages !== before.packages) this.onChange(directory);
      }
      /** The files that say what is installed. */
      records() {
        return [...this.known.keys()].flatMap((directory) => RECORDS.map((name) => import_node_path4.default.join(directory, name)));
      }
      close() {
        for (const timer of this.timers.values()) clearTimeout(timer);
      }
    };
  }
});

// src/js_host/runtime/sources.mjs
function isSource(file2) {
  return SOURCE.test(file2);
}
function sourcesBelow(root, enter = () => {
}) {
  const found = [];
  const directories = [root];
  for (let seen = 0; directories.length > 0 && seen < MOST; ) {
    const directory = (
      /** @type {string} */
      directories.shift()
    );
    enter(directory);
    for (const entry of entriesOf(directory)) {
      seen++;
      const inside = import_node_path5.default.join(directory, entry.name);
      if (entry.isDirectory() && entry.name !== "node_modules" && !entry.name.startsWith(".")) directories.push(inside);
      else if (entry.isFile() && isSource(inside)) found.push(inside);
    }
  }
  return found;
}
function entriesOf(directory) {
  try {
    return import_node_fs7.default.readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
var import_node_fs7, import_node_path5, SOURCE, MOST;
var init_sources = __esm({
  "src/js_host/runtime/sources.mjs"() {
    import_node_fs7 = __toESM(require("node:fs"), 1);
    import_node_path5 = __toESM(require("node:path"), 1);
    SOURCE = /\.(?:[cm]?[jt]s|[jt]sx|json|node|wasm)$/;
    MOST = 5e3;
  }
});

// src/js_host/runtime/loads.mjs
var loads_exports = {};
__export(loads_exports, {
  Loads: () => Loads
});
var import_node_module2, import_node_path6, import_node_url5, MOST2, registerHooks, Loads;
var init_loads = __esm({
  "src/js_host/runtime/loads.mjs"() {
    import_node_module2 = __toESM(require("node:module"), 1);
    import_node_path6 = __toESM(require("node:path"), 1);
    import_node_url5 = require("node:url");
    init_installed();
    init_originals();
    init_place();
    init_sources();
    MOST2 = 100;
    registerHooks = /** @type {any} */
    import_node_module2.default.registerHooks;
    Loads = class {
      /** @param {string} file the config */
      constructor(file2) {
        this.root = import_node_path6.default.dirname(import_node_path6.default.resolve(file2));
        this.isWhole = registerHooks !== void 0;
        this.moments = /* @__PURE__ */ new Map();
        this.onLoad = () => {
        };
        registerHooks?.({ load: (url, context, next) => this.load(url, context, next) });
      }
      /** @param {string} url @param {any} context @param {Function} next */
      load(url, context, next) {
        if (url.startsWith("file:") && !url.startsWith(RUNTIME_URL) && !this.moments.has(url)) {
          this.moments.set(url, Date.now());
          this.onLoad((0, import_node_url5.fileURLToPath)(url));
        }
        return next(url, context);
      }
      /** The paths of the files that are neither in the config's directory nor in packages. @returns {string[]} */
      elsewhere() {
        return [...this.files().keys()].filter((file2) => !file2.startsWith(this.root + import_node_path6.default.sep) && packagesOf(file2) === null).slice(0, MOST2);
      }
      /** @returns {Map<string, number>} the paths of all files, with the moment before each was read */
      files() {
        const files = /* @__PURE__ */ new Map();
        const unsure = this.isWhole ? [] : sourcesBelow(this.root);
        for (const file2 of [...unsure, ...Object.keys(
          /** @type {any} */
          import_node_module2.default._cache
        )]) files.set(file2, performance.timeOrigin);
        for (const [url, moment] of this.moments) files.set((0, import_node_url5.fileURLToPath)(url), moment);
        return files;
      }
    };
  }
});

// src/js_host/runtime/hold.mjs
var hold_exports = {};
__export(hold_exports, {
  wordToServe: () => wordToServe
});
function wordToServe(control2) {
  const said = [];
  return new Promise((resolve4) => {
    held = new import_node_net2.default.Socket({ fd: control2, readable: true, writable: false });
    held.on("error", leave).on("end", leave);
    held.on("data", (bytes) => {
      said.push(...String(bytes).trim().split("\n").map((line) => JSON.parse(line)));
      if (!said.some(({ type }) => type === "serve")) return;
      held._read = () => {
      };
      held._handle.readStop();
      held.unref();
      resolve4(said);
    });
  });
}
function leave() {
  process.kill(process.pid, "SIGKILL");
}
var import_node_net2, held;
var init_hold = __esm({
  "src/js_host/runtime/hold.mjs"() {
    import_node_net2 = __toESM(require("node:net"), 1);
  }
});

// src/js_host/runtime/directories.mjs
function identityOf(directory) {
  const stats = import_node_fs8.default.statSync(directory, { throwIfNoEntry: false });
  return stats === void 0 ? "" : `${stats.ino} ${stats.birthtimeMs}`;
}
function glimpse(file2) {
  const stats = import_node_fs8.default.statSync(file2, { throwIfNoEntry: false });
  return stats === void 0 ? "" : `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
}
var import_node_fs8, import_node_path7, LOOK, Directories;
var init_directories = __esm({
  "src/js_host/runtime/directories.mjs"() {
    import_node_fs8 = __toESM(require("node:fs"), 1);
    import_node_path7 = __toESM(require("node:path"), 1);
    init_originals();
    LOOK = 1e3;
    Directories = class {
      /**
       * @param {string} root directories below it are also watched for their own coming and going
       * @param {(directory: string, name: string | null) => void} onEvent
       * @param {() => Iterable<string>} files what to look at where directories can not be watched
       */
      constructor(root, onEvent, files) {
        this.root = root;
        this.onEvent = onEvent;
        this.files = files;
        this.watchers = /* @__PURE__ */ new Map();
        this.identities = /* @__PURE__ */ new Map();
        this.gone = /* @__PURE__ */ new Set();
        this.search = void 0;
        this.seen = /* @__PURE__ */ new Map();
        this.ticker = void 0;
      }
      /** @param {string} directory */
      watch(directory) {
        if (this.watchers.has(directory)) return;
        this.watchers.set(directory, this.open(directory));
        if (directory.startsWith(this.root + import_node_path7.default.sep)) this.watch(import_node_path7.default.dirname(directory));
      }
      /**
       * A directory may have come or gone: watch the one that is there now, and those below.
       * @param {string} directory @returns {boolean} whether it is one of ours
       */
      renew(directory) {
        if (!this.watchers.has(directory)) return false;
        for (const [inside, watcher] of this.watchers) {
          if (inside !== directory && !inside.startsWith(directory + import_node_path7.default.sep)) continue;
          watcher?.close();
          this.watchers.set(inside, this.open(inside));
        }
        return true;
      }
      /** @param {string} directory @returns {fs.FSWatcher | null} */
      open(directory) {
        this.identities.set(directory, identityOf(directory));
        if (this.ticker !== void 0) return null;
        try {
          const watcher = import_node_fs8.default.watch(directory, { persistent: false }, (_, name) => this.onEvent(directory, name));
          watcher.on("error", () => watcher.close());
          return watcher;
        } catch (error) {
          const { code } = (
            /** @type {NodeJS.ErrnoException} */
            error
          );
          if (code === "ENOSPC" || code === "EMFILE") this.lookInstead(code);
          return null;
        }
      }
      /**
       * Something happened in a directory: is it still the one that is watched? It may not say itself when it goes, and of some
       * nobody else tells when they are back.
       * @param {string} directory
       */
      check(directory) {
        if (identityOf(directory) === this.identities.get(directory)) return;
        this.gone.add(directory);
        this.search ??= setInterval(() => this.lookForGone(), LOOK).unref();
      }
      lookForGone() {
        for (const directory of [...this.gone].filter((one) => import_node_fs8.default.existsSync(one))) {
          this.gone.delete(directory);
          this.renew(directory);
          this.onEvent(directory, null);
        }
        if (this.gone.size > 0) return;
        clearInterval(this.search);
        this.search = void 0;
      }
      /** @param {string} code */
      lookInstead(code) {
        if (this.ticker !== void 0) return;
        console.warn(`The system has no more watches for files to give (${code}), so changes are looked for every ${LOOK / 1e3} s. On Linux, raise fs.inotify.max_user_watches and fs.inotify.max_user_instances.`);
        this.closeAll();
        this.ticker = setInterval(() => this.look(), LOOK).unref();
      }
      all() {
        return [...this.files(), ...[...this.watchers.keys()].filter((directory) => import_node_path7.default.basename(directory) === "node_modules")];
      }
      look() {
        for (const file2 of this.all()) {
          const before = this.seen.get(file2);
          const now = glimpse(file2);
          this.seen.set(file2, now);
          if (now !== before) this.onEvent(import_node_path7.default.dirname(file2), import_node_path7.default.basename(file2));
        }
      }
      closeAll() {
        for (const watcher of this.watchers.values()) watcher?.close();
      }
      close() {
        clearInterval(this.ticker);
        clearInterval(this.search);
        this.closeAll();
        this.watchers.clear();
      }
    };
  }
});

// src/js_host/runtime/watch.mjs
var watch_exports = {};
__export(watch_exports, {
  Watch: () => Watch
});
function codeOf(file2) {
  try {
    return (0, import_node_crypto.createHash)("sha1").update(import_node_fs9.default.readFileSync(file2)).digest("base64");
  } catch {
    return null;
  }
}
function changedAt(file2) {
  return import_node_fs9.default.statSync(file2, { throwIfNoEntry: false })?.ctimeMs ?? 0;
}
function isHalfSaved(file2) {
  return (import_node_fs9.default.statSync(file2, { throwIfNoEntry: false })?.size ?? 0) === 0;
}
var import_node_crypto, import_node_fs9, import_node_path8, QUIET2, QUIET_OF_MANY, LONGEST, LONGEST_OF_MANY, COARSE, AT_ONCE, Watch;
var init_watch = __esm({
  "src/js_host/runtime/watch.mjs"() {
    import_node_crypto = require("node:crypto");
    import_node_fs9 = __toESM(require("node:fs"), 1);
    import_node_path8 = __toESM(require("node:path"), 1);
    init_directories();
    init_installed();
    init_originals();
    init_sources();
    QUIET2 = 50;
    QUIET_OF_MANY = 100;
    LONGEST = 500;
    LONGEST_OF_MANY = 2e3;
    COARSE = 10;
    AT_ONCE = 50;
    Watch = class {
      /**
       * @param {import('./loads.mjs').Loads} loads
       * @param {(message: {type: string, [field: string]: unknown}) => void} tell
       */
      constructor(loads2, tell2) {
        this.root = loads2.root;
        this.loads = loads2;
        this.tell = tell2;
        this.known = /* @__PURE__ */ new Map();
        this.dirty = /* @__PURE__ */ new Set();
        this.directories = new Directories(this.root, (directory, name) => this.heard(directory, name), () => this.known.keys());
        this.packages = new Packages((directory) => this.tell({ type: "changed", files: [directory] }));
        this.reading = null;
        this.looksFurther = false;
        this.burstBegan = this.burstEnd = 0;
        this.timer = void 0;
      }
      /** Begin, and tell when the files changed that are watched from now on: maybe it was while nobody watched. */
      async start() {
        const loaded = this.loads.files();
        for (const file2 of loaded.keys()) this.add(file2);
        this.addPackages(import_node_path8.default.join(this.root, "node_modules"));
        this.loads.onLoad = (file2) => this.add(file2);
        await this.readAll();
        this.tell({ type: "watching", ...this.changes(loaded), code: this.code() });
      }
      /**
       * When the newest of the files changed; and the newest of those that changed after this worker had loaded them, 0 if none did.
       * Both in ms since 1970, and `COARSE` late rather than early.
       * @param {Map<string, number>} loaded
       */
      changes(loaded) {
        let newest = 0;
        let late2 = 0;
        for (const file2 of [...this.known.keys(), ...this.packages.records()]) {
          const at = changedAt(file2) + COARSE;
          if (at > newest) newest = at;
          if (at > late2 && at >= (loaded.get(file2) ?? performance.timeOrigin)) late2 = at;
        }
        return { newest, late: late2 };
      }
      /** @param {string} file */
      add(file2) {
        const packages = packagesOf(file2);
        if (packages !== null) return this.addPackages(packages);
        if (this.known.has(file2)) return;
        this.known.set(file2, void 0);
        this.directories.watch(import_node_path8.default.dirname(file2));
        this.readAll();
      }
      /** @param {string} directory a node_modules */
      addPackages(directory) {
        if (!this.packages.add(directory)) return;
        this.directories.watch(import_node_path8.default.dirname(directory));
        this.directories.watch(directory);
      }
      /** Read the files that were not read yet. */
      readAll() {
        this.reading ??= this.readSome().finally(() => {
          this.reading = null;
        });
        return this.reading;
      }
      /** A few at a time. */
      async readSome() {
        await null;
        let count = 0;
        for (const [file2, code] of this.known) {
          if (code !== void 0) continue;
          this.known.set(file2, codeOf(file2));
          if (++count % AT_ONCE === 0) await new Promise(setImmediate);
        }
      }
      /** The code of all contents together. */
      code() {
        const hash = (0, import_node_crypto.createHash)("sha1");
        for (const file2 of [...this.known.keys()].sort()) hash.update(`${file2}\0${this.known.get(file2)}\0`);
        return hash.digest("base64");
      }
      /**
       * Something happened in a directory.
       * @param {string} directory @param {string | null} name null where the system does not tell
       */
      heard(directory, name) {
        if (name === null) return this.heardBelow(directory);
        const file2 = import_node_path8.default.join(directory, name);
        if (this.packages.heard(directory) || this.packages.heard(file2)) this.directories.renew(file2);
        else if (this.known.has(file2)) this.burst([file2]);
        else if (this.directories.renew(file2)) this.heardBelow(file2);
        else if (this.looksFurther) this.burst(isSource(file2) ? [file2] : this.sourcesBelow(file2));
      }
      /** @param {string} directory which came or went whole */
      heardBelow(directory) {
        this.burst([...this.known.keys()].filter((file2) => file2.startsWith(directory + import_node_path8.default.sep)));
      }
      /** @param {string[]} files */
      burst(files) {
        if (files.length === 0) return;
        if (this.dirty.size === 0) this.burstBegan = performance.now();
        for (const file2 of files) this.dirty.add(file2);
        this.burstEnd = this.burstBegan + (this.dirty.size > 1 ? LONGEST_OF_MANY : LONGEST);
        this.wait();
      }
      wait() {
        clearTimeout(this.timer);
        const quiet = this.dirty.size > 1 ? QUIET_OF_MANY : QUIET2;
        this.timer = setTimeout(() => this.look(), Math.min(quiet, Math.max(this.burstEnd - performance.now(), 0))).unref();
      }
      /** It is quiet: what has changed? */
      look() {
        const isOver = performance.now() >= this.burstEnd - 1;
        if (!isOver && (this.reading !== null || [...this.dirty].some(isHalfSaved))) return this.wait();
        const changed = [...this.dirty].filter((file2) => this.hasChanged(file2));
        for (const directory of new Set([...this.dirty].map((file2) => import_node_path8.default.dirname(file2)))) this.directories.check(directory);
        this.dirty.clear();
        if (changed.length > 0) this.tell({ type: "changed", files: changed });
      }
      /** @param {string} file */
      hasChanged(file2) {
        const before = this.known.get(file2) ?? null;
        const now = codeOf(file2);
        if (now !== null || this.known.has(file2)) this.known.set(file2, now);
        return now !== before;
      }
      /**
       * The code of now does not start: what mends it may be a file that was never loaded.
       * @param {string[]} files what the worker that failed has loaded from elsewhere
       * @param {number} since when it began, in ms since 1970
       */
      lookFurther(files, since) {
        this.looksFurther = true;
        for (const file2 of [...this.sourcesBelow(this.root), ...files]) {
          if (this.known.has(file2) || changedAt(file2) + COARSE < since) this.add(file2);
          else this.burst([file2]);
          this.directories.watch(import_node_path8.default.dirname(file2));
        }
      }
      /** The source files below a directory, which is watched from now on with all in it. @param {string} directory */
      sourcesBelow(directory) {
        if (import_node_path8.default.basename(directory).startsWith(".") || !import_node_fs9.default.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return [];
        return sourcesBelow(directory, (inside) => this.directories.watch(inside));
      }
      /** End. What has not been told will be found by the worker that has loaded these files anew. */
      close() {
        clearTimeout(this.timer);
        this.loads.onLoad = () => {
        };
        this.packages.close();
        this.directories.close();
      }
    };
  }
});

// src/js_host/runtime/guard.mjs
var guard_exports = {};
__export(guard_exports, {
  Guard: () => Guard,
  Refusal: () => Refusal,
  Token: () => Token,
  isFromPage: () => isFromPage,
  isOurName: () => isOurName,
  pathOf: () => pathOf2
});
function isFromPage(headers) {
  const site = headers["sec-fetch-site"];
  return headers.origin !== void 0 || site !== void 0 && site !== "none";
}
function isOurName(header, { localAddress, localPort, port, names }) {
  const said = (header ?? "").toLowerCase();
  if (said === "") return true;
  const [name, at] = splitHost(said);
  if (names.some((one) => [name, said].includes(one.toLowerCase()) && (!(0, import_node_net3.isIP)(one) || Number(at || port) === localPort))) return true;
  if (!isLoopback(localAddress)) return (0, import_node_net3.isIP)(name) !== 0 || name === "localhost";
  return [...LOOPBACK_NAMES, localAddress].includes(name) && Number(at || port) === localPort;
}
function splitHost(said) {
  const found = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(said);
  return found ? [found[1] ?? found[2], found[3] ?? ""] : ["", ""];
}
function nameStory(said, address, port) {
  const place = (0, import_node_net3.isIP)(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  return `This host does not answer to the name ${JSON.stringify(said)}. Ask by its address, ${place}, or list the name in \`allowedHosts\` of its config.`;
}
function isUnixSocket(req) {
  return req.socket.localAddress === void 0;
}
function pathOf2(req) {
  return (req.url ?? "/").split("?", 1)[0];
}
var import_node_crypto2, import_node_net3, DELAY, LOG_EVERY, OPEN_PATHS, PAGE, TWO_NAMES, NO_TOKEN2, WRONG_TOKEN2, Refusal, Token, Guard, LOOPBACK_NAMES;
var init_guard = __esm({
  "src/js_host/runtime/guard.mjs"() {
    import_node_crypto2 = require("node:crypto");
    import_node_net3 = require("node:net");
    init_loopback();
    init_originals();
    DELAY = 1e3;
    LOG_EVERY = 1e4;
    OPEN_PATHS = /* @__PURE__ */ new Set(["/health", "/ready"]);
    PAGE = "Web pages may not call this host: the request says that a browser sent it for one (Origin, Sec-Fetch-Site). Call the host from your server.";
    TWO_NAMES = "The request names two hosts.";
    NO_TOKEN2 = 'This host wants its token, and none came with the request: send "Authorization: Bearer <token>".';
    WRONG_TOKEN2 = "The token that came with the request is not the one of this host.";
    Refusal = class extends Error {
      /**
       * @param {number} status
       * @param {string} message
       * @param {Record<string, string>} [headers]
       */
      constructor(status, message, headers = {}) {
        super(message);
        this.status = status;
        this.headers = headers;
      }
    };
    Token = class _Token {
      /** @param {string} digest its SHA-256 in hexadecimal digits */
      constructor(digest) {
        this.digest = Buffer.from(digest, "hex");
      }
      /** @param {string} text */
      static of(text) {
        return new _Token((0, import_node_crypto2.createHash)("sha256").update(text).digest("hex"));
      }
      /** Takes the same time whatever was said. @param {unknown} said */
      matches(said) {
        return typeof said === "string" && (0, import_node_crypto2.timingSafeEqual)((0, import_node_crypto2.createHash)("sha256").update(said).digest(), this.digest);
      }
    };
    Guard = class {
      /**
       * @param {import('./host.mjs').Host} host
       * @param {Token | null} [token] asked for on TCP; a Unix socket lets in whom its directory lets in
       */
      constructor(host, token = null) {
        this.host = host;
        this.token = token;
        this.unlogged = 0;
        this.logAgainAt = 0;
      }
      /**
       * Why a request is refused, or null. Those without the token are told so late.
       * @param {Request} req
       * @returns {Refusal | Promise<Refusal> | null}
       */
      refusal(req) {
        if (isFromPage(req.headers)) return this.#refused(req, new Refusal(403, PAGE, { connection: "close" }));
        if (isUnixSocket(req) || OPEN_PATHS.has(pathOf2(req))) return null;
        if (this.token !== null) return this.#tokenRefusal(req, req.headers.authorization === void 0);
        return this.#nameRefusal(req);
      }
      /**
       * The same for the upgrade to frames, whose hello may bring the token.
       * @param {Request} req
       * @returns {Refusal | Promise<Refusal> | null}
       */
      upgradeRefusal(req) {
        if (isFromPage(req.headers)) return this.#refused(req, new Refusal(403, PAGE, { connection: "close" }));
        if (isUnixSocket(req)) return null;
        if (this.token === null) return this.#nameRefusal(req);
        return req.headers.authorization === void 0 ? null : this.#tokenRefusal(req, false);
      }
      /**
       * The token that is asked for in the hello of frames, or null where none is, or the upgrade has brought it.
       * @param {Request} req
       */
      wanted(req) {
        return isUnixSocket(req) || req.headers.authorization !== void 0 ? null : this.token;
      }
      /**
       * Somebody gave no token, or a wrong one: resolves when it is time to say so.
       * @param {string | undefined} address
       */
      strangerCame(address) {
        this.host.counters.wrongTokens++;
        this.#log(`a caller at ${address} did not give the token of this host`);
        return new Promise((resolve4) => {
          setTimeout(resolve4, DELAY);
        });
      }
      /** @param {Request} req @param {boolean} silent */
      #tokenRefusal(req, silent) {
        const said = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? "");
        if (this.token?.matches(said?.[1])) return null;
        const refusal = new Refusal(401, silent ? NO_TOKEN2 : WRONG_TOKEN2, { connection: "close", "www-authenticate": 'Bearer realm="js-host"' });
        return this.strangerCame(req.socket.remoteAddress).then(() => refusal);
      }
      /** @param {Request} req */
      #nameRefusal(req) {
        const { address, allowedHosts } = this.host.settings;
        const { localAddress = "", localPort = 0 } = req.socket;
        if ((req.headersDistinct.host ?? []).length > 1) return this.#refused(req, new Refusal(400, TWO_NAMES, { connection: "close" }));
        const port = "encrypted" in req.socket ? 443 : 80;
        if (isOurName(req.headers.host, { localAddress, localPort, port, names: [address, ...allowedHosts] })) return null;
        return this.#refused(req, new Refusal(403, nameStory(req.headers.host, localAddress, localPort), { connection: "close" }));
      }
      /** @param {Request} req @param {Refusal} refusal */
      #refused(req, refusal) {
        this.host.counters.refusedRequests++;
        const { origin, host } = req.headers;
        this.#log(`a request was refused (host ${JSON.stringify(host)}, origin ${JSON.stringify(origin ?? null)})`);
        return refusal;
      }
      /** Not each of a flood. @param {string} text */
      #log(text) {
        const now = performance.now();
        if (now < this.logAgainAt) return void this.unlogged++;
        const { logger } = this.host;
        const write = logger.warn ?? logger.info;
        write.call(logger, `js-host: ${text}${this.unlogged > 0 ? `, and ${this.unlogged} more since the last line` : ""}`);
        this.unlogged = 0;
        this.logAgainAt = now + LOG_EVERY;
      }
    };
    LOOPBACK_NAMES = ["127.0.0.1", "::1", "localhost"];
  }
});

// src/js_host/runtime/http.mjs
function createHttpServer(worker, { onUpgrade, guard = new Guard(worker.host), tls = null, limits = {} } = {}) {
  const server = tls === null ? (0, import_node_http.createServer)({ ...LIMITS, ...limits }) : createTlsServer(tls, { ...LIMITS, ...limits });
  const state = { guard, open: 0, running: /* @__PURE__ */ new Set(), calls: /* @__PURE__ */ new Set(), draining: false, onLess: () => {
  } };
  const listener = (req, res) => {
    handle(worker, state, req, res);
  };
  states.set(server, state);
  server.timeout = 0;
  server.on("connection", (socket) => {
    state.open++;
    socket.once("close", () => {
      state.open--;
      state.onLess();
    });
  });
  server.maxHeadersCount = MAX_HEADERS;
  server.maxRequestsPerSocket = MAX_REQUESTS;
  server.on("request", listener);
  server.on("checkContinue", listener);
  if (onUpgrade) server.on("upgrade", (req, socket, head) => {
    upgrade(guard, onUpgrade, req, socket, head);
  });
  server.emit("listening");
  return server;
}
function createTlsServer(tls, limits) {
  const { createServer: createServer3 } = process.getBuiltinModule("node:https");
  return createServer3({ ...limits, handshakeTimeout: HANDSHAKE_TIMEOUT, ...tls });
}
function drainHttpServer(server, time = 0) {
  const state = (
    /** @type {State} */
    states.get(server)
  );
  state.draining = true;
  if (server.listening) server.close();
  if (time > 0) setTimeout(() => {
    for (const call of state.calls) call.abort(outOfTime());
  }, noticeTime(time)).unref();
  return new Promise((resolve4) => {
    let lingering = true;
    state.onLess = () => {
      if (state.running.size > 0 || lingering && state.open > 0) return;
      server.closeAllConnections();
      resolve4();
    };
    setTimeout(() => {
      lingering = false;
      server.closeIdleConnections();
      state.onLess();
    }, LINGER2).unref();
    state.onLess();
  });
}
async function handle(worker, state, req, res) {
  state.running.add(res);
  const over = () => {
    if (state.running.delete(res)) state.onLess();
  };
  res.once("close", over);
  const found = await answerTo(worker, state, req, res).catch(failure);
  if (req.socket.destroyed) return over();
  if (state.draining || req.headers.expect && !req.complete) found.headers.connection = "close";
  const { status, type, body, headers } = found;
  res.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body), "x-content-type-options": "nosniff", ...headers });
  res.end(body);
}
function answer(status, type, body, headers = {}) {
  return { status, type, body, headers: { ...headers } };
}
function failure(error) {
  if (error instanceof Refusal) return answer(error.status, TEXT, error.message, error.headers);
  return answer(500, TEXT, describeError(error).stack);
}
async function answerTo(worker, state, req, res) {
  const refusal = await state.guard.refusal(req);
  if (refusal !== null) throw refusal;
  const path6 = pathOf2(req);
  if (path6 === "/health") {
    allow(req, "GET", "HEAD");
    return answer(200, JSON_TYPE, '{"status":"ok"}');
  }
  if (path6 === "/status") {
    allow(req, "GET", "HEAD");
    return answer(200, JSON_TYPE, JSON.stringify(worker.status()));
  }
  if (path6 === "/ready") {
    allow(req, "GET", "HEAD");
    if (state.draining) throw new Refusal(503, "The host is stopping.");
    return answer(200, JSON_TYPE, '{"status":"ready"}');
  }
  if (path6.startsWith("/function/")) {
    allow(req, "POST");
    return callFunction(worker, state, decodeName(path6.slice("/function/".length)), req, res);
  }
  throw new Refusal(404, `Not found. There are GET /status, GET /health, GET /ready and POST /function/<name>, not ${path6}`);
}
async function callFunction(worker, state, name, req, res) {
  const { host } = worker;
  const entry = host.find(name);
  if (!entry) throw new Refusal(404, `Not found. Unknown function "${name}"`);
  const data = await readData(req, res, host.settings.requestDataLimit);
  const call = new Call(0, name, 0);
  call.traceparent = readTraceparent(
    /** @type {string | undefined} */
    req.headers.traceparent
  );
  state.calls.add(call);
  res.once("close", () => {
    state.calls.delete(call);
    if (!res.writableFinished) worker.abandon(call, new Error("The caller closed the connection"));
  });
  return resultAnswer(host, name, await worker.runAlone(entry, data, call));
}
function resultAnswer(host, name, result) {
  if (typeof result === "string") return answer(200, TEXT, result);
  if (result instanceof Uint8Array) return answer(200, "application/octet-stream", result);
  if (isStream(result)) {
    closeStream(host, name, result);
    throw new TypeError(`Function "${name}" returned a stream, which plain HTTP does not carry: call it over frames.`);
  }
  return answer(200, JSON_TYPE, JSON.stringify(result) ?? "null");
}
async function readData(req, res, limit) {
  refuseOtherTypes(req);
  const length = Number(req.headers["content-length"] ?? 0);
  if (length > limit) return discard(req, limit);
  if (req.headers.expect) res.writeContinue();
  const body = await readBody(req, limit);
  return body.length === 0 ? {} : parse(body);
}
function readBody(req, limit) {
  return new Promise((resolve4, reject) => {
    const chunks = [];
    let size = 0;
    const take = (chunk) => {
      size += chunk.length;
      if (size <= limit) return chunks.push(chunk);
      req.off("data", take);
      chunks.length = 0;
      discard(req, limit).catch(reject);
    };
    req.on("data", take);
    req.once("end", () => {
      if (size <= limit) resolve4(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    });
    req.once("error", reject);
  });
}
async function discard(req, limit) {
  if (!req.headers.expect) {
    await new Promise((resolve4) => {
      const timer = setTimeout(resolve4, PATIENCE);
      req.once("close", () => {
        clearTimeout(timer);
        resolve4(null);
      });
      req.once("end", () => {
        clearTimeout(timer);
        resolve4(null);
      });
      req.resume();
    });
  }
  throw new Refusal(413, `The body is larger than the host allows: requestDataLimit is ${limit} bytes.`, { connection: "close" });
}
function parse(body) {
  try {
    return JSON.parse(decoder.decode(body));
  } catch (error) {
    throw new Refusal(400, `The body is not JSON: ${/** @type {Error} */
    error.message}`);
  }
}
function refuseOtherTypes(req) {
  const type = (req.headers["content-type"] ?? "").split(";", 1)[0].trim().toLowerCase();
  if (type === JSON_TYPE) return;
  throw new Refusal(415, `Calls are JSON, with the header "Content-Type: application/json", not "${type}".`, { connection: "close" });
}
function allow(req, ...methods) {
  if (methods.includes(req.method ?? "")) return;
  throw new Refusal(405, `Use ${methods[0]} here, not ${req.method}.`, { allow: methods.join(", ") });
}
function decodeName(encoded) {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new Refusal(400, `The name of the function is not percent-encoded UTF-8: ${encoded}`);
  }
}
async function upgrade(guard, onUpgrade, req, socket, head) {
  socket.on("error", () => {
  });
  const refusal = await guard.upgradeRefusal(req);
  if (refusal !== null) return refuseUpgrade(socket, refusal);
  if (req.headers.upgrade?.toLowerCase() !== "js-host/1") return refuseUpgrade(socket, new Refusal(400, "The only upgrade is js-host/1."));
  onUpgrade(req, socket, head);
}
function refuseUpgrade(socket, { status, message, headers }) {
  const lines = { ...headers, "content-type": TEXT, "content-length": Buffer.byteLength(message), connection: "close" };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r
`).join("");
  socket.end(`HTTP/1.1 ${status} ${import_node_http.STATUS_CODES[status]}\r
${head}\r
${message}`, () => socket.destroy());
}
var import_node_http, LIMITS, MAX_HEADERS, MAX_REQUESTS, HANDSHAKE_TIMEOUT, PATIENCE, LINGER2, TEXT, JSON_TYPE, states, decoder;
var init_http = __esm({
  "src/js_host/runtime/http.mjs"() {
    import_node_http = require("node:http");
    init_errors();
    init_functions();
    init_guard();
    init_originals();
    init_streams();
    init_traces();
    LIMITS = {
      keepAliveTimeout: 0,
      headersTimeout: 15e3,
      requestTimeout: 3e5,
      connectionsCheckingInterval: 2500,
      // how late the two above may be
      maxHeaderSize: 16384,
      requireHostHeader: true,
      insecureHTTPParser: false,
      noDelay: true
    };
    MAX_HEADERS = 100;
    MAX_REQUESTS = 0;
    HANDSHAKE_TIMEOUT = 5e3;
    PATIENCE = 1e3;
    LINGER2 = 1e3;
    TEXT = "text/plain; charset=utf-8";
    JSON_TYPE = "application/json";
    states = /* @__PURE__ */ new WeakMap();
    decoder = new TextDecoder("utf-8", { fatal: true });
  }
});

// src/js_host/runtime/door.mjs
var door_exports = {};
__export(door_exports, {
  ACCEPT: () => ACCEPT,
  Door: () => Door,
  tlsOptions: () => tlsOptions
});
function tlsOptions(cert, key, clientCa) {
  const options2 = { minVersion: (
    /** @type {const} */
    "TLSv1.3"
  ), cert: read4(cert, "certificate"), key: read4(key, "key") };
  if (clientCa === void 0) return options2;
  return { ...options2, ca: read4(clientCa, "certificate of who signs for callers"), requestCert: true, rejectUnauthorized: true };
}
function read4(path6, what) {
  try {
    return (0, import_node_fs10.readFileSync)(path6);
  } catch (error) {
    throw new ConfigError(
      "JS_HOST_TLS",
      `The ${what} for TLS can not be read: ${/** @type {Error} */
      error.message}.`,
      "Name a file in PEM form that the user of the host may read."
    );
  }
}
var import_node_fs10, ACCEPT, Door;
var init_door = __esm({
  "src/js_host/runtime/door.mjs"() {
    import_node_fs10 = require("node:fs");
    init_errors();
    init_guard();
    init_http();
    init_upgrade();
    ACCEPT = { pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15e3 };
    Door = class {
      /**
       * @param {import('./worker.mjs').Worker} worker
       * @param {DoorOptions} [options]
       */
      constructor(worker, { token = null, tls = null } = {}) {
        this.worker = worker;
        this.encrypted = tls !== null;
        this.limit = worker.host.settings.maxConnections;
        this.count = 0;
        this.left = () => {
          this.count--;
        };
        this.guard = new Guard(worker.host, token);
        this.server = createHttpServer(worker, {
          guard: this.guard,
          tls,
          onUpgrade: (req, socket, head) => this.#upgrade(
            req,
            /** @type {Socket} */
            socket,
            head
          )
        });
      }
      /** Serve a connection, if there are not too many. @param {Socket} socket */
      admit(socket) {
        if (this.count >= this.limit) return this.#turnAway(socket);
        this.#counted(socket);
        this.server.emit("connection", socket);
        socket.resume();
      }
      /** @param {number} [time] how long its calls may take, in ms */
      drain(time) {
        return drainHttpServer(this.server, time);
      }
      /** @param {Socket} socket */
      #counted(socket) {
        this.count++;
        socket.once("close", this.left);
      }
      /** @param {Socket} socket */
      #turnAway(socket) {
        this.worker.host.counters.refusedConnections++;
        socket.destroy();
      }
      /** @param {import('node:http').IncomingMessage} req @param {Socket} socket @param {Buffer} head */
      #upgrade(req, socket, head) {
        const wanted = this.guard.wanted(req);
        const address = socket.remoteAddress;
        serveUpgrade(this.worker, socket, head, {
          encrypted: this.encrypted,
          admits: wanted && ((said) => wanted.matches(said) || this.guard.strangerCame(address)),
          onOpen: (connection) => {
            if (!this.encrypted) this.#counted(connection.socket);
          }
          // its first socket is closed
        });
      }
    };
  }
});

// src/js_host/runtime/main.mjs
var import_node_fs11 = require("node:fs");
var import_node_net4 = require("node:net");
var import_node_path9 = require("node:path");

// src/js_host/runtime/config.mjs
var import_node_fs3 = require("node:fs");
var import_node_path3 = require("node:path");
var import_node_url4 = require("node:url");
init_errors();
init_util();
var DEFAULTS = {
  address: "127.0.0.1",
  port: 9009,
  requestDataLimit: "256mb",
  disconnectTimeout: 5e3,
  maxConnections: 1e4,
  allowedHosts: Object.freeze([]),
  logger: null
};
var RESERVED = /* @__PURE__ */ new Set(["default", "module.exports", "__esModule", "functions", "extendHost", "warmup", ...Object.keys(DEFAULTS)]);
var LARGEST = 4294967295;
async function loadConfig(file2) {
  const path6 = (0, import_node_path3.resolve)(file2);
  checkFile(path6);
  const exported = await import((0, import_node_url4.pathToFileURL)(path6).href);
  return readConfig(exported, path6);
}
function readConfig(exported, file2) {
  const module3 = moduleOf(exported);
  const main = defaultExport(module3);
  const named = namedExports(module3, main);
  if (Object.keys(main).length + Object.keys(named).length === 0) throw nothingExported(exported, file2);
  const raw = { ...DEFAULTS, ...main, ...withoutFunctions(named) };
  const config = {
    functions: findFunctions(raw, main, named, file2),
    address: checked(raw, "address", file2, isText, "an address to listen at, such as '127.0.0.1'"),
    port: Number(checked(raw, "port", file2, isPort, "a whole number from 0 to 65535")),
    requestDataLimit: toBytes(checked(raw, "requestDataLimit", file2, isSize, "a size up to 4gb, such as '10mb', '512kb' or a number of bytes")),
    disconnectTimeout: checked(raw, "disconnectTimeout", file2, isDuration, "a number of milliseconds, 0 or more"),
    maxConnections: checked(raw, "maxConnections", file2, isCount, "a whole number from 1"),
    allowedHosts: checked(raw, "allowedHosts", file2, isNames, "a list of host names, such as ['js-host.internal']"),
    logger: checked(raw, "logger", file2, isLogger, "null, or an object with the methods of console (info and error at least)")
  };
  const extendHost = checked(raw, "extendHost", file2, isOptionalFunction, "a function that takes the host") ?? null;
  const warmup = checked(raw, "warmup", file2, isOptionalFunction, "a function that takes the host") ?? null;
  return { file: file2, ...config, extendHost, warmup, raw: Object.assign(raw, config) };
}
function toBytes(size) {
  if (typeof size === "number") return size;
  const match = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?$/i.exec(String(size).trim());
  if (!match) return NaN;
  const unit = (
    /** @type {'b' | 'kb' | 'mb' | 'gb'} */
    (match[2] ?? "b").toLowerCase()
  );
  return Math.floor(Number(match[1]) * { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }[unit]);
}
function checkFile(path6) {
  const stats = (0, import_node_fs3.statSync)(path6, { throwIfNoEntry: false });
  if (!stats) throw new ConfigError("JS_HOST_CONFIG_MISSING", `There is no config file ${path6}.`, missingHint(path6));
  if (stats.isDirectory()) throw new ConfigError("JS_HOST_CONFIG_DIRECTORY", `${path6} is a directory, not a config file.`, directoryHint(path6));
  if (/^\.[mc]?ts$/.test((0, import_node_path3.extname)(path6)) && !readsTypeScript()) {
    throw new ConfigError(
      "JS_HOST_TYPESCRIPT",
      `This Node (${process.version}) can not read TypeScript: ${path6}.`,
      "Node 22.18 and later read it by themselves. Use a newer Node, or write the config in JavaScript."
    );
  }
}
function readsTypeScript() {
  return Boolean(
    /** @type {any} */
    process.features.typescript
  );
}
function missingHint(path6) {
  const [near] = configsIn((0, import_node_path3.dirname)(path6));
  if (near) return `There is ${near}: give that name, or create the file.`;
  return "Create it, for example with: module.exports = { functions: { greet: function (data, cb) { cb(null, 'Hello!') } } }";
}
function directoryHint(path6) {
  const [inside] = configsIn(path6);
  return inside ? `Name the file: ${inside}` : `Name the config file in it, such as ${(0, import_node_path3.join)(path6, "host.config.js")}`;
}
function configsIn(directory) {
  try {
    return (0, import_node_fs3.readdirSync)(directory).filter((name) => /^host\.config\.[mc]?[jt]s$/.test(name)).sort().map((name) => (0, import_node_path3.join)(directory, name));
  } catch {
    return [];
  }
}
function moduleOf(exported) {
  return exported.default?.__esModule ? exported.default : exported;
}
function defaultExport(exported) {
  return isObject(exported.default) && !Array.isArray(exported.default) ? exported.default : {};
}
function namedExports(exported, main) {
  const names = Object.keys(exported).filter((name) => !["default", "module.exports", "__esModule"].includes(name) && !Object.hasOwn(main, name));
  return Object.fromEntries(names.map((name) => [name, exported[name]]));
}
function withoutFunctions(named) {
  return Object.fromEntries(Object.entries(named).filter(([name, value]) => RESERVED.has(name) || typeof value !== "function"));
}
function findFunctions(raw, main, named, file2) {
  const functions = /* @__PURE__ */ Object.create(null);
  const listed = raw.functions ?? null;
  if (listed === null) Object.assign(functions, exportedFunctions(main));
  else copyListed(functions, listed, file2);
  for (const [name, fn] of Object.entries(exportedFunctions(named))) {
    if (functions[name] !== void 0 && functions[name] !== fn) {
      throw new ConfigError(
        "JS_HOST_FUNCTION_DUPLICATE",
        `A function has already been defined with the name "${name}", in ${file2}.`,
        "It is in `functions` and exported by name as well: keep one of the two."
      );
    }
    functions[name] = fn;
  }
  return functions;
}
function exportedFunctions(object) {
  const entries = Object.entries(object).filter(([name, value]) => typeof value === "function" && !RESERVED.has(name) && !isClass(value));
  return Object.fromEntries(entries);
}
function copyListed(functions, listed, file2) {
  if (!isObject(listed) || Array.isArray(listed) || listed instanceof Map) {
    throw new ConfigError(
      "JS_HOST_FUNCTIONS",
      `\`functions\` in ${file2} must be an object of names and functions, but it is ${shown(listed)}.`,
      "Write functions: { greet: function (data, cb) { cb(null, \u2026) } }"
    );
  }
  for (const name of Object.keys(listed)) {
    const fn = listed[name];
    if (typeof fn !== "function" || isClass(fn)) {
      const what = typeof fn === "function" ? "a class" : shown(fn);
      throw new ConfigError(
        "JS_HOST_NOT_A_FUNCTION",
        `functions.${name} in ${file2} must be a function, but it is ${what}.`,
        `Write ${name}: function (data, cb) { cb(null, \u2026) }, or ${name}: (data) => \u2026, or leave it out of \`functions\`.`
      );
    }
    functions[name] = fn;
  }
}
function nothingExported(exported, file2) {
  const alone = typeof exported.default === "function";
  return new ConfigError(
    "JS_HOST_CONFIG_EMPTY",
    `Config file does not export an object with functions. "${file2}"`,
    alone ? "It exports one function without a name that Python could call. Write module.exports = { functions: { name: \u2026 } }, or `export function name (data) { \u2026 }`." : "Write module.exports = { functions: { \u2026 } }, or `export function name (data) { \u2026 }`."
  );
}
function checked(raw, name, file2, valid, expected) {
  if (raw[name] === void 0) raw[name] = /** @type {any} */
  DEFAULTS[name];
  if (valid(raw[name])) return raw[name];
  throw new ConfigError(
    "JS_HOST_CONFIG_VALUE",
    `\`${name}\` in ${file2} must be ${expected}, but it is ${shown(raw[name])}.`,
    `Correct \`${name}\`, or leave it out.`
  );
}
function isText(value) {
  return typeof value === "string" && value !== "";
}
function isPort(value) {
  const port = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return typeof port === "number" && Number.isInteger(port) && port >= 0 && port <= 65535;
}
function isSize(value) {
  const size = toBytes(value);
  return Number.isInteger(size) && size > 0 && size <= LARGEST;
}
function isCount(value) {
  return typeof value === "number" && Number.isInteger(value) && value >= 1;
}
function isDuration(value) {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}
function isNames(value) {
  return Array.isArray(value) && value.every(isText);
}
function isLogger(value) {
  return value === null || isObject(value) && typeof value.info === "function" && typeof value.error === "function";
}
function isOptionalFunction(value) {
  return value === void 0 || value === null || typeof value === "function";
}
function isObject(value) {
  return typeof value === "object" && value !== null;
}
function isClass(fn) {
  return /^class\b/.test(Function.prototype.toString.call(fn));
}
function shown(value) {
  return `${util().inspect(value, { depth: 0, breakLength: Infinity }).slice(0, 80)} (${value === null ? "null" : typeof value})`;
}

// src/js_host/runtime/main.mjs
init_connection();

// src/js_host/runtime/host.mjs
var import_node_fs4 = require("node:fs");
init_errors();
init_functions();

// src/js_host/runtime/logger.mjs
init_util();
var LEVELS = (
  /** @type {const} */
  { log: "info", info: "info", debug: "debug", warn: "warn", error: "error", trace: "debug" }
);
function createLogger(write = writeToConsole) {
  const entries = Object.entries(LEVELS).map(([method, level]) => [method, (...args) => write(level, util().format(...args))]);
  return Object.fromEntries(entries);
}
function writeToConsole(level, text) {
  const method = (
    /** @type {'info' | 'debug' | 'warn' | 'error'} */
    level
  );
  console[method](text);
}
var PRINTING = [
  ...Object.keys(LEVELS),
  "dir",
  "dirxml",
  "table",
  "assert",
  "count",
  "countReset",
  "group",
  "groupCollapsed",
  "groupEnd",
  "time",
  "timeEnd",
  "timeLog"
];
var OTHER_LEVELS = { assert: "warn", countReset: "warn" };
function captureConsole(write, admit = () => true) {
  let level = "info";
  let inner;
  const target = (
    /** @type {any} */
    console
  );
  const before = PRINTING.map((method) => [method, target[method]]);
  const levels = (
    /** @type {Record<string, string>} */
    { ...LEVELS, ...OTHER_LEVELS }
  );
  for (const method of PRINTING) {
    target[method] = (...args) => {
      if (method in LEVELS && !admit()) return;
      level = levels[method] ?? "info";
      inner ??= consoleTo((text) => write(level, text));
      return inner[method](...args);
    };
  }
  return () => {
    for (const [method, original] of before) target[method] = original;
  };
}
function consoleTo(write) {
  const sink = { write: (text) => write(text.replace(/\n$/, "")) };
  const stream = (
    /** @type {NodeJS.WritableStream} */
    /** @type {unknown} */
    sink
  );
  return new console.Console({ stdout: stream, stderr: stream, ignoreErrors: false, colorMode: false });
}

// src/js_host/runtime/host.mjs
init_originals();
init_place();
var VERSION = (
  /** @type {string} */
  JSON.parse((0, import_node_fs4.readFileSync)(new URL("package.json", RUNTIME_URL), "utf8")).version
);
var NOT_IN_STATUS = /* @__PURE__ */ new Set(["logger", "silent", "outputOnListen", "disconnectTimeout", "stopManagerIfNoConnections"]);
var Host = class _Host {
  /**
   * @param {import('./config.mjs').Config} config
   * @param {{logger?: import('./logger.mjs').Logger}} [options]
   */
  constructor(config, options2 = {}) {
    this.settings = config;
    this.config = config.raw;
    this.version = VERSION;
    this.logger = config.logger ?? options2.logger ?? createLogger();
    this.counters = { calls: 0, repeatedCallbacks: 0, lateErrors: 0, abandoned: 0, refusedRequests: 0, refusedConnections: 0, wrongTokens: 0 };
    this.metrics = null;
    this.metricsAt = void 0;
    this.functions = /* @__PURE__ */ Object.create(null);
    for (const name of Object.keys(config.functions)) this.addFunction(name, config.functions[name]);
  }
  /**
   * A host that is ready to be called: the config's `extendHost` has run.
   * @param {import('./config.mjs').Config} config
   * @param {{logger?: import('./logger.mjs').Logger}} [options] the logger where the config has none
   * @returns {Promise<Host>}
   */
  static async create(config, options2 = {}) {
    const host = new _Host(config, options2);
    await config.extendHost?.(host);
    return host;
  }
  /** Keep metrics from now on. @param {string} place where the supervisor answers for them */
  async keepMetrics(place) {
    const { Metrics: Metrics2 } = await Promise.resolve().then(() => (init_metrics(), metrics_exports));
    this.metrics = new Metrics2();
    this.metricsAt = place;
  }
  /**
   * Run a call that came alone, over HTTP.
   * @param {FunctionEntry} entry @param {unknown} data @param {import('./functions.mjs').Call} call
   */
  async runAlone(entry, data, call) {
    this.metrics?.began(call, performance.now());
    try {
      const value = await entry.run(this, data, call);
      this.metrics?.ended(call, "ok");
      return value;
    } catch (error) {
      this.metrics?.ended(call, "error");
      throw error;
    }
  }
  /** Do what the config wants to have been done before the first call. What it throws is the error of the start. */
  async warmUp() {
    await this.settings.warmup?.(this);
  }
  /**
   * @param {string} name
   * @param {Function} fn
   * @returns {FunctionEntry}
   */
  addFunction(name, fn) {
    if (this.find(name) !== void 0) {
      throw new ConfigError(
        "JS_HOST_FUNCTION_DUPLICATE",
        `A function has already been defined with the name "${name}"`,
        "Give one of the two another name."
      );
    }
    const entry = new FunctionEntry(name, fn);
    this.functions[name] = entry;
    return entry;
  }
  /**
   * The table has no prototype, so whatever it answers is its own.
   * @param {string} name
   * @returns {FunctionEntry | undefined}
   */
  find(name) {
    return this.functions[name];
  }
  /** What GET /status answers. */
  status() {
    return { type: "Host", version: this.version, config: this.serializableConfig(), counters: this.counters, metrics: this.metricsAt };
  }
  /** The config without what JSON can not say, with the names of the functions. */
  serializableConfig() {
    const config = {};
    for (const [name, value] of Object.entries(this.config)) {
      if (!NOT_IN_STATUS.has(name) && isSerializable(value)) config[name] = value;
    }
    config.functions = Object.keys(this.functions);
    return config;
  }
};
function isSerializable(value) {
  try {
    return JSON.stringify(value) !== void 0;
  } catch {
    return false;
  }
}

// src/js_host/runtime/main.mjs
init_originals();

// src/js_host/runtime/records.mjs
init_originals();
var LONGEST_RECORD = 32 * 1024;
var MOST_LINES = 1e3;
var MOST_CHARACTERS = 1024 * 1024;
var SPAN2 = 1e3;
var Budget = class {
  /** @param {Origin | null} call */
  constructor(call) {
    this.call = call;
    this.since = performance.now();
    this.lines = 0;
    this.characters = 0;
    this.dropped = 0;
  }
  isSpent() {
    return this.lines >= MOST_LINES || this.characters >= MOST_CHARACTERS;
  }
};
var Records = class {
  /** @param {(line: string) => void} write */
  constructor(write) {
    this.write = write;
    this.attribute = () => null;
    this.budgets = /* @__PURE__ */ new WeakMap();
    this.exceeded = /* @__PURE__ */ new Set();
    this.free = new Budget(null);
  }
  /** Whether one more line may be said now. If not, it is counted. */
  admit() {
    const budget = this.budget();
    if (!budget.isSpent()) return true;
    if (budget.dropped++ === 0) {
      this.exceeded.add(budget);
      setTimeout(() => this.tell(budget), SPAN2).unref();
    }
    return false;
  }
  /** @param {string} level @param {string} text */
  record(level, text) {
    if (!this.admit()) return;
    const budget = this.budget();
    budget.lines++;
    budget.characters += text.length;
    this.put(level, bounded2(text), budget.call);
  }
  /** What may be said now, of whoever speaks. */
  budget() {
    const call = this.attribute();
    let budget = call === null ? this.free : this.budgets.get(call);
    if (budget === void 0) this.budgets.set(
      /** @type {Origin} */
      call,
      budget = new Budget(call)
    );
    if (performance.now() - budget.since >= SPAN2) this.renew(budget);
    return budget;
  }
  /** @param {Budget} budget */
  renew(budget) {
    this.tell(budget);
    budget.since = performance.now();
    budget.lines = budget.characters = 0;
  }
  /** Say how much was not said. @param {Budget} budget */
  tell(budget) {
    if (budget.dropped === 0) return;
    const dropped = budget.dropped;
    budget.dropped = 0;
    this.exceeded.delete(budget);
    this.put("warn", `${dropped} lines were dropped: in a second a call can say ${MOST_LINES} lines, or ${MOST_CHARACTERS} characters.`, budget.call);
  }
  /** The process is about to end. */
  tellAll() {
    for (const budget of this.exceeded) this.tell(budget);
  }
  /** @param {string} level @param {string} text @param {Origin | null} call */
  put(level, text, call) {
    this.write(`${JSON.stringify({ level, text, function: call?.name, call: call?.number })}
`);
  }
};
function bounded2(text) {
  return text.length <= LONGEST_RECORD ? text : `${text.slice(0, LONGEST_RECORD)}\u2026 (${text.length - LONGEST_RECORD} more characters)`;
}

// src/js_host/runtime/main.mjs
init_upgrade();

// src/js_host/runtime/watchdog.mjs
var import_node_fs5 = require("node:fs");
var import_node_worker_threads = require("node:worker_threads");
init_originals();
init_place();
init_worker();
var INSPECTS = process.permission === void 0 || process.permission.has("inspector");
var DEBUGGED = process.execArgv.some((argument) => argument.startsWith("--inspect"));
var SEATS = 4096;
var SILENT = -1;
var Watchdog = class {
  /** @param {number} control the descriptor that is read until it ends: then the supervisor is gone */
  constructor(control2) {
    this.cells = new Float64Array(new SharedArrayBuffer(8 * CELLS));
    this.seats = new Int32Array(new SharedArrayBuffer(4 * SEATS)).fill(SILENT);
    this.inodes = new Float64Array(new SharedArrayBuffer(8 * SEATS));
    this.descriptors = [];
    const origin = Number(process.hrtime.bigint()) / 1e6 - performance.now();
    this.thread = new import_node_worker_threads.Worker(new URL("watchdog_thread.mjs", RUNTIME_URL), {
      workerData: { control: control2, cells: this.cells, seats: this.seats, inodes: this.inodes, origin, RUNNING, NEAREST, LEAVING, ENDLESS, TURNS, SILENT, INSPECTS, DEBUGGED },
      stdin: false,
      execArgv: [],
      env: process.env
    });
    this.thread.unref();
    this.onControl = () => {
    };
    this.onDoubt = () => {
    };
    this.thread.on("message", (message) => this.#hear(message));
  }
  /**
   * A client's socket has come, on which a goodbye can be written as it is.
   * @param {number} fd @returns {number} its seat
   */
  opened(fd) {
    let seat = this.descriptors.indexOf(SILENT);
    if (seat < 0) seat = this.descriptors.length;
    this.inodes[seat] = (0, import_node_fs5.fstatSync)(fd).ino;
    this.descriptors[seat] = this.seats[seat] = fd;
    return seat;
  }
  /** @param {number} seat */
  closed(seat) {
    if (seat < 0) return;
    this.descriptors[seat] = this.seats[seat] = SILENT;
  }
  /** @param {{doubt?: true, turn?: true, control?: unknown}} message of the thread */
  #hear(message) {
    if (message.doubt) this.onDoubt();
    else if (message.turn) this.cells[TURNS]++;
    else this.onControl(message.control);
  }
  /** Whether part of a frame waits to be sent. @param {number} seat @param {boolean} unsent */
  setUnsent(seat, unsent) {
    if (seat < 0) return;
    this.seats[seat] = unsent ? SILENT : this.descriptors[seat];
  }
};

// src/js_host/runtime/main.mjs
init_worker();
var WATCH_DELAY = 50;
var LONGEST_TELL = 1e3;
var UNSETTLED = 13;
var NEVER = new Int32Array(new SharedArrayBuffer(4));
var [file, ...flags] = process.argv.slice(2);
var options = readFlags(flags);
var control = Number(options.control);
var loads = null;
var door;
var serving = null;
var tokenDigest = process.env.JS_HOST_TOKEN_SHA256;
delete process.env.JS_HOST_TOKEN_SHA256;
process.setSourceMapsEnabled(true);
process.on("SIGINT", () => {
});
process.on("SIGTERM", () => tell({ type: "terminated" }));
var records = new Records((line) => {
  if (process.stdout.writable) process.stdout.write(line);
});
captureConsole((level, text) => records.record(level, text), () => records.admit());
watchLife();
start().catch(failed);
function readFlags(flags2) {
  const options2 = { shared: (
    /** @type {string[]} */
    []
  ), socket: (
    /** @type {string[]} */
    []
  ) };
  for (let i = 0; i < flags2.length; i += 2) {
    const name = flags2[i].slice(2);
    if (name === "shared" || name === "socket") options2[name].push(flags2[i + 1]);
    else Object.assign(options2, { [name]: flags2[i + 1] });
  }
  return options2;
}
async function start() {
  if (process.permission !== void 0) (await Promise.resolve().then(() => (init_permissions(), permissions_exports))).checkPermissions();
  process.chdir((0, import_node_fs11.existsSync)((0, import_node_path9.dirname)(file)) ? (0, import_node_path9.dirname)(file) : "/");
  if (options.watch !== void 0) loads = new (await Promise.resolve().then(() => (init_loads(), loads_exports))).Loads(file);
  const config = await loadConfig(file);
  if (options.port !== void 0) Object.assign(config.raw, { address: options.address, port: Number(options.port) });
  const host = await Host.create(config);
  if (options.metrics !== void 0) await host.keepMetrics(options.metrics);
  await host.warmUp();
  const worker = new Worker(host, { spin: Number(options.spin ?? 0), sockets: options.socket });
  if (options["tls-cert"] !== void 0) await (door = openDoor(worker));
  records.attribute = () => worker.attribution.current();
  const said = options.hold === void 0 ? [] : await hold(worker);
  if (options.connection !== void 0) new Connection(worker, { fd: Number(options.connection) });
  if (options.hold === void 0) ready(worker);
  setImmediate(() => complete(worker, said).catch(crashed));
}
function ready(worker) {
  const { host } = worker;
  serving = worker;
  process.on("unhandledRejection", (reason) => console.error("Unhandled rejection:", reason));
  tell({ type: "ready", pid: process.pid, node: process.version, status: host.status(), disconnectTimeout: host.settings.disconnectTimeout });
}
async function hold(worker) {
  ready(worker);
  const { wordToServe: wordToServe2 } = await Promise.resolve().then(() => (init_hold(), hold_exports));
  return wordToServe2(control);
}
async function complete(worker, said) {
  const watchdog = new Watchdog(control);
  worker.watch(watchdog);
  const servers = listenAll(worker);
  const orders = (
    /** @type {Orders} */
    {
      drain: (order) => drain(worker, servers, order),
      warn: ({ text }) => worker.warn(text ?? ""),
      report: ({ number }) => tell({ type: "report", number, ...worker.report() })
    }
  );
  watchdog.onControl = (message) => orders[message.type]?.(message);
  for (const message of said) orders[message.type]?.(message);
  await servers;
  if (loads !== null) setTimeout(watchFiles, WATCH_DELAY, loads, orders).unref();
}
async function watchFiles(loads2, orders) {
  const { Watch: Watch2 } = await Promise.resolve().then(() => (init_watch(), watch_exports));
  const watch = new Watch2(loads2, tell);
  const { drain: drain2 } = orders;
  orders.drain = (order) => {
    watch.close();
    drain2(order);
  };
  orders["look further"] = ({ files, since }) => watch.lookFurther(files ?? [], since ?? 0);
  await watch.start();
}
async function listenAll(worker) {
  await new Promise(setImmediate);
  if (worker.draining) return [];
  return Promise.all([
    listen(Number(options.private), (socket) => new Connection(worker, takeHandle(socket))),
    ...options.shared.map((fd) => listen(Number(fd), httpOn(worker)))
  ]);
}
function listen(fd, onConnection) {
  return new Promise((resolve4, reject) => {
    const server = (0, import_node_net4.createServer)({ pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15e3 }, onConnection);
    server.on("error", (error) => {
      reject(error);
      if (server.listening) console.error("A connection could not be accepted:", error.message);
    });
    server.listen({ fd }, () => resolve4(server));
  });
}
function httpOn(worker) {
  return (socket) => {
    door ??= openDoor(worker);
    door.then((open) => open.admit(socket), (error) => {
      door = void 0;
      socket.destroy();
      console.error("A connection could not be served:", error.message);
    });
  };
}
async function openDoor(worker) {
  const [{ Door: Door2, tlsOptions: tlsOptions2 }, { Token: Token2 }] = await Promise.all([Promise.resolve().then(() => (init_door(), door_exports)), Promise.resolve().then(() => (init_guard(), guard_exports))]);
  const { "tls-cert": cert, "tls-key": key, "tls-client-ca": clientCa } = options;
  return new Door2(worker, {
    token: tokenDigest === void 0 ? null : new Token2(tokenDigest),
    tls: cert === void 0 ? null : tlsOptions2(cert, key, clientCa)
  });
}
async function drain(worker, servers, { timeout }) {
  if (worker.draining) return;
  servers.then((listening) => {
    for (const server of listening) server.close();
  }, () => {
  });
  const answered = door?.then((open) => open.drain(timeout));
  const idle = new Promise((resolve4) => worker.drain(() => resolve4(null), timeout));
  tell({ type: "draining" });
  await Promise.allSettled([idle, answered]);
  worker.goodbye({ reason: "drained", message: "The worker has answered all calls that it took." });
  exit(0);
}
function watchLife() {
  process.on("exit", (code) => {
    records.tellAll();
    if (serving === null) return tell({ type: "exit", code, functions: [] });
    if (serving.host.metrics !== null) tell({ type: "report", ...serving.report() });
    if (serving.draining) return;
    const functions = serving.inFlight();
    const message = `process.exit(${code}) was called${functions.length > 0 ? ` while ${functions.join(", ")} ran` : ""}.`;
    serving.goodbye({ reason: "exit", message });
    tell({ type: "exit", code, functions });
  });
  process.on("uncaughtException", crashed);
  process.once("beforeExit", () => {
    if (serving === null) exit(UNSETTLED);
  });
}
async function crashed(thrown) {
  const { describeError: describeError2 } = await Promise.resolve().then(() => (init_errors(), errors_exports));
  const error = describeError2(thrown);
  tell({ type: "crashed", error, functions: serving?.inFlight() ?? [] });
  if (serving !== null) {
    serving.draining = true;
    serving.goodbye({ reason: "crashed", message: `An exception that nobody caught ended the worker: ${error.stack ?? error.message}` });
  }
  setImmediate(() => exit(1));
}
async function failed(thrown) {
  const { startError: startError2 } = await Promise.resolve().then(() => (init_errors(), errors_exports));
  tell({ type: "failed", error: await startError2(thrown, file), elsewhere: loads?.elsewhere() });
  exit(1);
}
function tell(message) {
  const giveUpAt = performance.now() + LONGEST_TELL;
  for (let rest = Buffer.from(JSON.stringify(message) + "\n"); rest.length > 0 && performance.now() < giveUpAt; ) {
    try {
      rest = rest.subarray((0, import_node_fs11.writeSync)(control, rest));
    } catch (error) {
      if (
        /** @type {NodeJS.ErrnoException} */
        error.code !== "EAGAIN"
      ) return;
      Atomics.wait(NEVER, 0, 0, 1);
    }
  }
}
