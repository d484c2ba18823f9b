/**
 * What to do next about an error: the words of Node that newcomers meet most, each with its cure.
 *
 * `hintFor` looks at the error only; what needs the disk (which package.json, which lockfile) is in packages.mjs and is
 * asked for at a failed start alone.
 */

const TYPESCRIPT = 'Node 22.18 and later read TypeScript by themselves (22.6 with --experimental-strip-types). ' +
  'Use a newer Node, or compile the file to JavaScript first.'

const NOT_INSTALLED = 'Where that file is, no such package is installed. Run `npm install` with its name there; `npm ci`, if package.json lists it.'

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
]

/**
 * @param {Error} error
 * @returns {string | undefined}
 */
export function hintFor (error) {
  try {
    const { name, message, code, hint } = /** @type {any} */ (error)
    if (typeof hint === 'string') return hint
    if (name === 'Error' && code === undefined) return undefined
    const rule = RULES.find(([key, pattern]) => (key === code || key === name) && pattern.test(message))
    return rule?.[2]
  } catch {
    return undefined
  }
}
