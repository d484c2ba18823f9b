// node:util, loaded when it is first used: an import of it takes milliseconds of a worker's start, and most never need it.

/** @returns {typeof import('node:util')} */
export function util () {
  return process.getBuiltinModule('node:util')
}
