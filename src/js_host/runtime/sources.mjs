// The source files below a directory, for where Node does not tell what it loaded, or what it would load.

import fs from 'node:fs'
import path from 'node:path'

const SOURCE = /\.(?:[cm]?[jt]s|[jt]sx|json|node|wasm)$/
/** A directory with more than this is no project. */
const MOST = 5000

/** @param {string} file */
export function isSource (file) {
  return SOURCE.test(file)
}

/**
 * Without packages, and without hidden directories.
 * @param {string} root
 * @param {(directory: string) => void} [enter] called with each directory before it is read
 * @returns {string[]}
 */
export function sourcesBelow (root, enter = () => {}) {
  /** @type {string[]} */
  const found = []
  const directories = [root]
  for (let seen = 0; directories.length > 0 && seen < MOST;) {
    const directory = /** @type {string} */ (directories.shift())
    enter(directory)
    for (const entry of entriesOf(directory)) {
      seen++
      const inside = path.join(directory, entry.name)
      if (entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.')) directories.push(inside)
      else if (entry.isFile() && isSource(inside)) found.push(inside)
    }
  }
  return found
}

/** @param {string} directory */
function entriesOf (directory) {
  try {
    return fs.readdirSync(directory, { withFileTypes: true })
  } catch {
    return []
  }
}
