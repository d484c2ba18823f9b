// What the watch tells of: the content of files, once for all that change together.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Directories } from '../../src/js_host/runtime/directories.mjs'
import { packagesOf } from '../../src/js_host/runtime/installed.mjs'
import { isSource, sourcesBelow } from '../../src/js_host/runtime/sources.mjs'
import { Watch } from '../../src/js_host/runtime/watch.mjs'
import { until } from './client.mjs'
import { directory } from './helper.mjs'

/** A watch on files that count as loaded now. `told(n)` waits for n messages. */
async function watching (t, files, { loadedAt = Date.now() + 1000, below = '' } = {}) {
  const top = directory(t, files)
  const root = join(top, below)
  const names = Object.keys(files).map((name) => join(top, name))
  const messages = []
  const loads = { root, files: () => new Map(names.map((name) => [name, loadedAt])), onLoad: () => {} }
  const watch = new Watch(loads, (message) => messages.push(message))
  t.after(() => watch.close())
  const told = async (count) => {
    await until(() => messages.length >= count, `${count} messages`)
    return messages.slice(1)
  }
  await watch.start()
  return { root, watch, messages, told, path: (name) => join(top, name) }
}

/** Save as many editors do: beside the file, then in its place. */
function replace (file, text) {
  fs.writeFileSync(file + '~', text)
  fs.renameSync(file + '~', file)
}

test('a file that is touched, or saved again as it was, is no change', async (t) => {
  const { path, told } = await watching(t, { 'a.js': '1', 'b.js': '1', 'c.js': '1' })
  fs.utimesSync(path('a.js'), new Date(), new Date())
  replace(path('b.js'), '1')
  replace(path('c.js'), '2')
  assert.deepEqual(await told(2), [{ type: 'changed', files: [path('c.js')] }])
})

test('a file that is changed and changed back before it is quiet is no change', async (t) => {
  const { path, told } = await watching(t, { 'a.js': '1', 'b.js': '1' })
  replace(path('a.js'), '2')
  replace(path('a.js'), '1')
  replace(path('b.js'), '2')
  assert.deepEqual(await told(2), [{ type: 'changed', files: [path('b.js')] }])
})

test('all that changes together is told once', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`m${index}.js`, '1']))
  const { path, told } = await watching(t, files)
  for (const name of Object.keys(files)) replace(path(name), '2')
  const [message] = await told(2)
  assert.deepEqual(message.files.sort(), Object.keys(files).map(path).sort())
})

test('a file that is empty for a moment is not told of until it is whole', async (t) => {
  const { path, told, watch, messages } = await watching(t, { 'a.js': '1' })
  fs.writeFileSync(path('a.js'), '')
  watch.burst([path('a.js')])
  watch.look()
  assert.equal(messages.length, 1)
  fs.writeFileSync(path('a.js'), '2')
  assert.deepEqual(await told(2), [{ type: 'changed', files: [path('a.js')] }])
})

test('a file that stays away is told of after a while', async (t) => {
  const { path, told } = await watching(t, { 'a.js': '1' })
  fs.unlinkSync(path('a.js'))
  assert.deepEqual(await told(2), [{ type: 'changed', files: [path('a.js')] }])
})

test('a directory that is moved away and comes back with other content is a change', async (t) => {
  const { path, told } = await watching(t, { 'lib/a.js': '1', 'new/a.js': '2' })
  fs.renameSync(path('lib'), path('old'))
  fs.renameSync(path('new'), path('lib'))
  assert.ok((await told(2))[0].files.includes(path('lib/a.js')))
})

for (const [what, gone] of [['the directory of the config', 'app'], ['a directory elsewhere', 'shared/dist']]) {
  test(`${what} that is removed and made anew goes on being watched`, async (t) => {
    const files = { 'app/host.config.js': '1', 'shared/dist/lib/a.js': '1' }
    const { path, told, watch } = await watching(t, files, { below: 'app' })
    const [name] = Object.keys(files).filter((file) => file.startsWith(gone))
    const before = process.cwd()
    t.after(() => process.chdir(before))
    process.chdir(path('app')) // as in a worker: the directory does not say then that it goes
    fs.rmSync(path(gone), { recursive: true })
    fs.mkdirSync(dirname(path(name)), { recursive: true })
    fs.writeFileSync(path(name), '1')
    await until(() => watch.dirty.size > 0)
    await until(() => watch.dirty.size === 0)
    const saving = setInterval(() => fs.writeFileSync(path(name), `${performance.now()}`), 200)
    t.after(() => clearInterval(saving))
    assert.deepEqual((await told(2))[0].files, [path(name)])
  })
}

test('it says when the newest file changed, and whether that was after it was loaded', async (t) => {
  const early = await watching(t, { 'a.js': '1' }, { loadedAt: Date.now() - 60_000 })
  const [{ newest, late }] = early.messages
  assert.ok(late > Date.now() - 60_000)
  assert.equal(newest, late)
  const [fresh] = (await watching(t, { 'a.js': '1' })).messages
  assert.equal(fresh.late, 0)
  assert.ok(fresh.newest >= newest)
})

test('only after a failed reload do files count that were never loaded', async (t) => {
  const { path, told, watch } = await watching(t, { 'a.js': '1' })
  fs.writeFileSync(path('b.js'), '1')
  replace(path('a.js'), '2')
  assert.deepEqual(await told(2), [{ type: 'changed', files: [path('a.js')] }])
  await watch.lookFurther([], Date.now() + 60_000)
  fs.writeFileSync(path('b.js'), '2')
  assert.deepEqual((await told(3))[1], { type: 'changed', files: [path('b.js')] })
})

test('what was mended since the failed reload began is told of at once', async (t) => {
  const { path, told, watch } = await watching(t, { 'a.js': '1' })
  const since = Date.now()
  fs.writeFileSync(path('b.js'), '1')
  watch.lookFurther([], since)
  assert.deepEqual(await told(2), [{ type: 'changed', files: [path('b.js')] }])
})

test('what is mended at the very moment when it is looked at is told of, too', async (t) => {
  const { path, told, watch } = await watching(t, { 'a.js': '1' })
  fs.writeFileSync(path('b.js'), '1')
  await new Promise((resolve) => setTimeout(resolve, 30)) // longer ago than clocks may differ
  const since = Date.now()
  const { readFileSync } = fs
  t.mock.method(fs, 'readFileSync', (file, ...options) => {
    if (file === path('b.js')) {
      fs.readFileSync = readFileSync
      fs.writeFileSync(file, '2')
    }
    return readFileSync(file, ...options)
  })
  await watch.lookFurther([], since)
  assert.deepEqual(await told(2), [{ type: 'changed', files: [path('b.js')] }])
})

test('sources are found below a directory, without packages and hidden directories', (t) => {
  const names = ['a.js', 'b.mts', 'c.json', 'lib/d.cjs', 'node_modules/p/e.js', '.git/f.js', 'g.txt']
  const root = directory(t, Object.fromEntries(names.map((name) => [name, ''])))
  const entered = []
  const found = sourcesBelow(root, (inside) => entered.push(inside))
  assert.deepEqual(found.sort(), ['a.js', 'b.mts', 'c.json', 'lib/d.cjs'].map((name) => join(root, name)))
  assert.deepEqual(entered, [root, join(root, 'lib')])
})

for (const [name, expected] of [['a.js', true], ['a.tsx', true], ['a.wasm', true], ['a.js~', false], ['js', false], ['a.md', false]]) {
  test(`${name} is ${expected ? 'a' : 'no'} source`, () => assert.equal(isSource(name), expected))
}

for (const [file, expected] of [
  ['/p/a.js', null],
  ['/p/node_modules/a/b.js', '/p/node_modules'],
  ['/p/node_modules/a/node_modules/b/c.js', '/p/node_modules'],
  ['/p/node_modules_of_mine/a.js', null]
]) {
  test(`the packages of ${file}: ${expected}`, () => assert.equal(packagesOf(file), expected))
}

for (const code of ['ENOSPC', 'EMFILE']) {
  test(`where watching fails with ${code}, there is one warning however many directories there are`, (t) => {
    const warn = t.mock.method(console, 'warn', () => {})
    t.mock.method(fs, 'watch', () => { throw Object.assign(new Error('none left'), { code }) })
    const directories = new Directories('/p', () => {}, () => [])
    for (const name of ['/p', '/p/a', '/p/b', '/q']) directories.watch(name)
    directories.renew('/p')
    directories.close()
    assert.equal(warn.mock.callCount(), 1)
    assert.match(warn.mock.calls[0].arguments[0], new RegExp(`${code}.*every 1 s.*max_user_watches`))
  })
}

test('a directory that is not there, or may not be read, is no reason to warn', (t) => {
  const warn = t.mock.method(console, 'warn', () => {})
  const directories = new Directories('/p', () => {}, () => [])
  directories.watch('/p/nowhere')
  directories.close()
  assert.equal(warn.mock.callCount(), 0)
})
