// From a place in generated code to the one in its source, for the watchdog: Node itself maps only the stacks of errors.

import fs from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Of larger maps none is read, as callers wait for the watchdog's word: in bytes, and in characters of all mappings (100 ms). */
const MOST_BYTES = 16 * 1024 * 1024
const MOST_MAPPINGS = 2 * 1024 * 1024

/** @typedef {{url: string, sourceMapURL?: string}} Script as the inspector tells of it */

export class SourceMaps {
  #left = MOST_MAPPINGS
  /** @type {Map<Script, SourceMap | null>} */
  #maps = new Map()

  /**
   * The place as `file:line:column`, counted from 1.
   * @param {Script} script @param {number} line from 0 @param {number} column from 0
   * @returns {string | null} where no map tells it
   */
  place (script, line, column) {
    const entry = this.#mapOf(script)?.findEntry(line, column)
    if (entry === undefined || !('originalSource' in entry) || entry.originalSource === undefined) return null
    return `${shown(entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
  }

  /** @param {Script} script */
  #mapOf (script) {
    let map = this.#maps.get(script)
    if (map === undefined) this.#maps.set(script, map = this.#load(script))
    return map
  }

  /** @param {Script} script */
  #load ({ url, sourceMapURL }) {
    if (!sourceMapURL) return null
    try {
      const { text, base } = read(sourceMapURL, url.startsWith('/') ? pathToFileURL(url).href : url)
      const map = JSON.parse(text)
      this.#left -= map.mappings.length
      if (this.#left < 0) return null
      const sources = map.sources.map((/** @type {string} */ source) => new URL((map.sourceRoot ?? '') + source, base).href)
      return new SourceMap({ ...map, sources, sourceRoot: '' })
    } catch {
      return null                            // it is not there, or no map: the place in generated code is better than none
    }
  }
}

/**
 * The text of a map, and what the paths of its sources are relative to.
 * @param {string} map @param {string} script their URLs; the one of the map may be relative
 */
function read (map, script) {
  if (map.startsWith('data:')) return { text: textOf(map), base: script }
  const file = new URL(map, script)
  const stat = fs.statSync(file)
  if (!stat.isFile() || stat.size > MOST_BYTES) throw new Error('It is no file, or too large.')
  return { text: fs.readFileSync(file, 'utf8'), base: file.href }
}

/** @param {string} url that holds the data */
function textOf (url) {
  const start = url.indexOf(',')
  const data = url.slice(start + 1)
  return url.slice(0, start).endsWith(';base64') ? Buffer.from(data, 'base64').toString() : decodeURIComponent(data)
}

/** @param {string} source its URL */
function shown (source) {
  return source.startsWith('file:') ? fileURLToPath(source) : source
}
