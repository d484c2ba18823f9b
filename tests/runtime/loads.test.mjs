// What a worker has loaded from files.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { Loads } from '../../src/js_host/runtime/loads.mjs'
import { RUNTIME, directory } from './helper.mjs'

test('what the config requires was loaded, and what the runtime itself consists of was not', (t) => {
  const root = directory(t, { 'host.config.cjs': "require('./page.cjs')", 'page.cjs': '' })
  const loads = new Loads(join(root, 'host.config.cjs'))
  const require = createRequire(import.meta.url)
  require(join(root, 'host.config.cjs'))
  const ours = join(RUNTIME, 'bundle', 'main.cjs')
  require.cache[ours] = require.cache[join(root, 'page.cjs')]
  t.after(() => { delete require.cache[ours] })
  const files = [...loads.files().keys()]
  assert.ok(files.includes(join(root, 'page.cjs')))
  assert.ok(!files.includes(ours))
  assert.deepEqual(loads.elsewhere().filter((file) => file.startsWith(RUNTIME)), [])
})
