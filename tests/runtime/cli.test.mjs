import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { VERSION } from '../../src/js_host/runtime/host.mjs'
import { CLI, RUNTIME, collect, directory, fixture, run } from './helper.mjs'

const CONFIG = fixture('host.config.cjs')
const cli = (...args) => run(process.execPath, [CLI, ...args])
const npmFound = (process.env.PATH ?? '').split(':').some((path) => existsSync(join(path, 'npm')))

/** A host that runs until the test ends. */
async function running (t, args = [], command = [process.execPath, CLI]) {
  const child = spawn(command[0], [...command.slice(1), CONFIG, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  t.after(async () => { child.kill('SIGKILL'); await exited })
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  await stdout.until(/\n/)
  const port = Number(/"port":(\d+)|:(\d+)\n/.exec(stdout.text)?.slice(1).find(Boolean))
  const call = async (name, data) => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(data ?? {}) }
    return (await fetch(`http://127.0.0.1:${port}/function/${name}`, init)).text()
  }
  return { child, exited, stdout, stderr, port, call }
}

test('it says where it listens, and answers', async (t) => {
  const { stdout, call, port } = await running(t)
  assert.equal(stdout.text, `Host listening at 127.0.0.1:${port}\n`)
  assert.equal(await call('hello_world'), 'Hello, World!')
  assert.equal(await call('hello_world', { name: 'Foo' }), 'Hello, Foo!')
})

test('-j prints the status as JSON with the real port, and nothing else on stdout', async (t) => {
  const { stdout, stderr, call, port } = await running(t, ['-j'])
  const { type, version, config } = JSON.parse(stdout.text)
  assert.deepEqual([type, version, config.port, config.functions[0]], ['Host', VERSION, port, 'hello_world'])
  await call('printing')
  await stderr.until(/a line from a function\n/)
  assert.equal(stdout.text.split('\n').length, 2)
})

test('-c prints the status of the config and exits', async () => {
  const { code, stdout, stderr } = await cli('-c', CONFIG)
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(JSON.parse(stdout).config.port, 0)
})

test('-p listens at another port', async (t) => {
  const { stdout } = await cli('-c', '-p', '1234', CONFIG)
  assert.equal(JSON.parse(stdout).config.port, 1234)
})

test('-v prints the version, -h the help', async () => {
  assert.equal((await cli('-v')).stdout, VERSION + '\n')
  assert.match((await cli('--help')).stdout, /^Usage: js-host <file>(.*--\w+ ){6}/s)
})

test('-l writes the log to a file as well', async (t) => {
  const file = join(directory(t), 'host.log')
  const { call, stderr } = await running(t, ['-l', file])
  assert.equal(await call('unhandled'), '1')
  await stderr.until(/Unhandled rejection: Error: nobody cares/)
  assert.match(readFileSync(file, 'utf8'), /Z error: Unhandled rejection: Error: nobody cares/)
})

for (const [args, message] of [
  [['--nope', CONFIG], /Unknown option '--nope'/],
  [[], /Name the config file/],
  [[CONFIG, CONFIG], /Name one config file, not 2/],
  [['-p', 'http', CONFIG], /--port takes a whole number from 0 to 65535, not "http"/],
  [['-m', CONFIG], /--manager is gone\. The manager is part of the Python package/],
  [['-d', CONFIG], /--detached is gone\. Hosts run in the foreground/]
]) {
  test(`js-host ${args.map((arg) => arg === CONFIG ? 'FILE' : arg).join(' ')} is refused with the usage`, async () => {
    const { code, stdout, stderr } = await cli(...args)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, message)
    assert.match(stderr, /Usage: js-host <file>/)
  })
}

for (const [file, message] of [
  ['nowhere.js', /There is no config file .*nowhere\.js/],
  ['broken.cjs', /SyntaxError.*broken\.cjs:4\n\n.*> 4 \|/s],
  ['broken.mjs', /SyntaxError.*broken\.mjs:4\n\n.*> 4 \|/s],
  ['throws.cjs', /Error: no database\n\n.*throws\.cjs:2\n\n.*at connect/s]
]) {
  test(`a start that fails is a short story: ${file}`, async () => {
    const { code, stdout, stderr } = await cli(fixture(file))
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, message)
    assert.match(stderr, /^js-host could not start\.\n/)
    assert.doesNotMatch(stderr, /node:internal|js_host\/runtime/)
  })
}

test('a port in use is named, with the fix', async (t) => {
  const other = net.createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address()
  const { code, stderr } = await cli('-p', String(port), CONFIG)
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`Port ${port} at 127\\.0\\.0\\.1 is in use.*--port`, 's'))
})

/** Has a server fail as it does where no descriptors are left, each time that a signal comes. */
const FAILS = `
const { Server } = require('node:net')
const { listen } = Server.prototype
Server.prototype.listen = function (...args) {
  process.on('SIGWINCH', () => this.emit('error', new Error('accept EMFILE')))
  return listen.apply(this, args)
}`

test('connections that can not be accepted are logged, and end nothing', async (t) => {
  const preload = join(directory(t, { 'fails.cjs': FAILS }), 'fails.cjs')
  const { child, stderr, call } = await running(t, [], [process.execPath, '--require', preload, CLI])
  for (const times of [1, 2]) {
    child.kill('SIGWINCH')
    await stderr.until(new RegExp(`(.*could not be accepted: accept EMFILE\\n){${times}}`))
  }
  assert.equal(await call('hello_world'), 'Hello, World!')
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} finishes the calls and exits with 0`, async (t) => {
    const { child, call, stdout, exited, port } = await running(t)
    const answer = call('waiting')
    await stdout.until(/it waits/)
    child.kill(signal)
    await refused(port)
    child.kill('SIGUSR2')
    assert.equal(await answer, 'waited')
    assert.deepEqual(await exited, [0, null])
  })
}

test('a second signal ends at once', async (t) => {
  const { child, call, stdout, exited, port } = await running(t)
  const cut = assert.rejects(call('waiting'))
  await stdout.until(/it waits/)
  child.kill('SIGTERM')
  await refused(port)
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [1, null])
  await cut
})

/** Until nobody accepts connections there. */
async function refused (port) {
  for (;;) {
    const socket = net.connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').then(() => true, () => false)
    socket.destroy()
    if (!open) return
  }
}

test('npm installs it into a project, and its program runs from there', { skip: !npmFound && 'there is no npm' }, async (t) => {
  const project = await installed(t)
  const { stdout } = await run(process.execPath, ['node_modules/.bin/js-host', '-c', 'host.config.cjs'], { cwd: project })
  assert.equal(JSON.parse(stdout).config.functions[0], 'hello_world')
  assert.equal((await run(join(project, 'node_modules/.bin/js-host'), ['-v'])).stdout, VERSION + '\n')
})

test('node inspect stops at its first line and goes on to listen', { skip: !npmFound && 'there is no npm' }, async (t) => {
  const project = await installed(t)
  const port = await freePort()
  const args = ['inspect', `--port=${port}`, 'node_modules/.bin/js-host', 'host.config.cjs']
  const child = spawn(process.execPath, args, { cwd: project, stdio: ['pipe', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  t.after(async () => { child.stdin.end('.exit\n'); await exited })
  const stdout = collect(child.stdout)
  await stdout.until(/Break on start[^]*debug>/)
  child.stdin.write('cont\n')
  await stdout.until(/Host listening at 127\.0\.0\.1:\d+/)
})

/** A project with this package installed from its path. */
async function installed (t) {
  const project = directory(t, { 'package.json': '{"name": "project", "version": "1.0.0"}' })
  copyFileSync(CONFIG, join(project, 'host.config.cjs'))
  const { code, stderr } = await run('npm', ['install', '--offline', '--no-audit', '--no-fund', RUNTIME], { cwd: project })
  assert.equal(code, 0, stderr)
  return project
}

async function freePort () {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
