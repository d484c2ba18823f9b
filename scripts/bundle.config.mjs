// How rollup makes what workers run, src/js_host/runtime/bundle/, of the modules of the runtime: `python3 dev.py bundle`.
//
// One file is loaded sooner than twenty-five. What few workers need stays in files of its own, which are loaded when it is needed,
// and so does the thread of the watchdog.

const BANNER = '// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.'

/** A module's own URL: the bundle is one level below the modules, and speaks of their directory. */
const above = {
  name: 'above',
  resolveImportMeta: (property) => property === 'url' ? "require('node:url').pathToFileURL(__dirname).href" : null
}

/**
 * A file that is loaded late finds the main one loaded, although a function may have cleared `require.cache`, as some do to load their
 * own files anew. Without it, the whole worker would start again, inside itself.
 */
const remembered = {
  name: 'remembered',
  renderDynamicImport: ({ targetModuleId }) => targetModuleId?.endsWith('.mjs')
    ? { left: 'Promise.resolve().then(() => (require.cache[__filename] = module, require(', right: ')))' }
    : null
}

/** The watchdog has last words so seldom that it takes them from the module itself. */
const leftThere = {
  name: 'left there',
  resolveDynamicImport: (specifier) => specifier.startsWith('./') ? { id: `.${specifier}`, external: true } : null
}

const output = {
  format: 'cjs',
  banner: BANNER,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
  generatedCode: 'es2015',
  interop: 'default'
}

export default [
  { input: 'src/js_host/runtime/main.mjs', external: /^node:/, plugins: [above, remembered], output },
  { input: 'src/js_host/runtime/watchdog_thread.mjs', external: /^node:/, plugins: [above, leftThere], output }
]
