// How rollup makes what workers run, src/js_host/runtime/bundle/, of the modules of the runtime: `python3 dev.py bundle`.
//
// One file is loaded sooner than twenty-five. What few workers need stays in files of its own, which are loaded when it is needed.

const BANNER = '// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.'

/** A module's own URL: the bundle is one level below the modules, and speaks of their directory. */
const above = {
  name: 'above',
  resolveImportMeta: (property) => property === 'url' ? "require('node:url').pathToFileURL(__dirname).href" : null
}

export default {
  input: 'src/js_host/runtime/main.mjs',
  external: /^node:/,
  plugins: [above],
  output: {
    format: 'cjs',
    banner: BANNER,
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    generatedCode: 'es2015',
    interop: 'default'
  }
}
