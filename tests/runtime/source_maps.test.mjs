import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { SourceMaps } from '../../src/js_host/runtime/source_maps.mjs'
import './helper.mjs'

const directory = mkdtempSync(path.join(tmpdir(), 'js-host maps '))
after(() => rmSync(directory, { recursive: true }))

/** All of the first line is line 7, column 3 of the source. */
const MAP = { version: 3, sources: ['src/a b.tsx'], names: [], mappings: 'AAME' }
const script = path.join(directory, 'out.js')

/** @param {string} sourceMapURL @param {string} [url] */
function place (sourceMapURL, url = script) {
  return new SourceMaps().place({ url, sourceMapURL }, 0, 10)
}

/** @param {object} map */
function written (map) {
  writeFileSync(path.join(directory, 'out.js.map'), JSON.stringify(map))
  return 'out.js.map'
}

/** @param {object} map */
function inline (map) {
  return `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`
}

const PLACE = `${directory}/src/a b.tsx:7:3`

for (const [title, url] of [['a path', script], ['a URL', pathToFileURL(script).href]]) {
  test(`a map beside a script that is named by ${title} tells the place in the source`, () => assert.equal(place(written(MAP), url), PLACE))
}

test('a map within the script does so too', () => {
  assert.equal(place(inline(MAP)), PLACE)
  assert.equal(place(`data:application/json,${encodeURIComponent(JSON.stringify(MAP))}`), PLACE)
})

test('sources may have a root, and may be no files', () => {
  assert.equal(place(written({ ...MAP, sourceRoot: '../x/' })), `${path.dirname(directory)}/x/src/a b.tsx:7:3`)
  assert.equal(place(inline({ ...MAP, sources: ['webpack://app/./a.tsx'] })), 'webpack://app/a.tsx:7:3')
})

test('without a map that can be read there is no place', () => {
  for (const url of ['', '.', 'missing.map', 'http://127.0.0.1:1/x.map', 'data:application/json,{', 'data:application/json,{}', 'data:']) {
    assert.equal(place(url), null, url)
  }
  assert.equal(place(inline({ ...MAP, mappings: '' })), null)
  assert.equal(place(inline({ ...MAP, mappings: 'A;AACA' })), null)
  assert.equal(place(inline(MAP), 'evalmachine.<anonymous>'), null)
})

test('maps that would take long are not read, one or many', () => {
  const large = { ...MAP, mappings: `AAME${';'.repeat(1.5 * 1024 * 1024)}` }
  const maps = new SourceMaps()
  const scripts = [1, 2].map(() => ({ url: script, sourceMapURL: inline(large) }))
  assert.deepEqual(scripts.map((script) => maps.place(script, 0, 0)), [PLACE, null])
  assert.equal(place(written({ ...MAP, sourcesContent: ['x'.repeat(16 * 1024 * 1024)] })), null)
})
