// What a worker needs of Node's permission model (`--permission`), where that is on.

import { ConfigError } from './errors.mjs'

/** Each need: its scope, its flag, which not every Node knows, and what it is for. */
const NEEDS = [
  ['worker', '--allow-worker', 'for the watchdog, which ends functions that block the event loop beyond their deadline'],
  ['net', '--allow-net', 'for the sockets by which it is called: this Node counts them as network, Unix sockets too']
]

/** Throws what says which flags are missing. */
export function checkPermissions () {
  const lacking = NEEDS.filter(([scope, flag]) => isDenied(scope, flag))
  if (lacking.length === 0) return
  throw new ConfigError('JS_HOST_PERMISSION', `Node runs with --permission, and without ${lacking.map(([, flag]) => flag).join(' and ')}.`,
    `A worker needs ${lacking.map(([, flag, purpose]) => `${flag} ${purpose}`).join('; and ')}. Give it beside --permission, in NODE_ARGS or with --node-arg.`)
}

/** Whether the permission model is on, knows of this, and denies it. @param {string} scope @param {string} flag */
export function isDenied (scope, flag) {
  return process.permission !== undefined && process.allowedNodeEnvironmentFlags.has(flag) && !process.permission.has(scope)
}
