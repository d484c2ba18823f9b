// What the tests share. Importing it makes every warning of Node fail the test that caused it.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Host } from '../../src/js_host/runtime/host.mjs'
import { readConfig } from '../../src/js_host/runtime/config.mjs'

process.on('warning', (warning) => {
  if (!/MockTimers/.test(warning.message)) throw warning // they are experimental before Node 24
})

export const CLI = fileURLToPath(new URL('../../src/js_host/runtime/cli.mjs', import.meta.url))
export const RUNTIME = dirname(CLI)

/** The path of a fixture. */
export function fixture (name) {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
}

/** A directory with these files in it, gone when the test ends. */
export function directory (t, files = {}) {
  const path = mkdtempSync(join(tmpdir(), 'js-host-test-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return path
}

/** A logger that keeps what it was told. */
export function keepingLogger () {
  const records = []
  const method = (level) => (...args) => { records.push([level, args.map(String).join(' ')]) }
  return { records, info: method('info'), error: method('error'), warn: method('warn'), log: method('info'), debug: method('debug') }
}

/** A host of a config that was not read from a file. */
export function hostOf (config) {
  return Host.create(readConfig({ default: { logger: keepingLogger(), ...config } }, '/project/host.config.js'))
}

/** Runs a program to its end. */
export async function run (command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const out = collect(child.stdout)
  const err = collect(child.stderr)
  const [code, signal] = await once(child, 'close')
  return { code, signal, stdout: out.text, stderr: err.text }
}

/** Collects what a stream says; `until(pattern)` waits for it. */
export function collect (stream) {
  const waiting = new Set()
  const collected = {
    text: '',
    until: (pattern) => new Promise((resolve, reject) => { waiting.add({ pattern, resolve, reject }); look() })
  }
  const look = () => {
    for (const one of waiting) {
      if (one.pattern.test(collected.text)) waiting.delete(one) && one.resolve(collected.text)
    }
  }
  stream.setEncoding('utf8')
  stream.on('data', (text) => { collected.text += text; look() })
  stream.on('close', () => { for (const one of waiting) one.reject(new Error(`It ended without ${one.pattern}: ${collected.text}`)) })
  return collected
}
