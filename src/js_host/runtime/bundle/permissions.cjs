// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const main = require('./main.cjs');
require('node:fs');
require('node:net');
require('node:path');
require('node:url');
require('node:util/types');
require('node:buffer');
require('node:worker_threads');

// What a worker needs of Node's permission model (`--permission`), where that is on.


/** Each need: its scope, its flag, which not every Node knows, and what it is for. */
const NEEDS = [
  ['worker', '--allow-worker', 'for the watchdog, which ends functions that block the event loop beyond their deadline'],
  ['net', '--allow-net', 'for the sockets by which it is called: this Node counts them as network, Unix sockets too']
];

/** Throws what says which flags are missing. */
function checkPermissions () {
  const lacking = NEEDS.filter(([scope, flag]) => isDenied(scope, flag));
  if (lacking.length === 0) return
  throw new main.ConfigError('JS_HOST_PERMISSION', `Node runs with --permission, and without ${lacking.map(([, flag]) => flag).join(' and ')}.`,
    `A worker needs ${lacking.map(([, flag, purpose]) => `${flag} ${purpose}`).join('; and ')}. Give it beside --permission, in NODE_ARGS or with --node-arg.`)
}

/** Whether the permission model is on, knows of this, and denies it. @param {string} scope @param {string} flag */
function isDenied (scope, flag) {
  return process.permission !== undefined && process.allowedNodeEnvironmentFlags.has(flag) && !process.permission.has(scope)
}

exports.checkPermissions = checkPermissions;
exports.isDenied = isDenied;
