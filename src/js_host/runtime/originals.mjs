// What functions may replace for themselves, as it was before any of their code ran: by fake timers, by the globals of a page, by a
// `process.exit` that throws, by files that are none. Deadlines, answers and the end of a worker must not depend on it.

import fs from 'node:fs'

export const { clearInterval, clearTimeout, performance, setImmediate, setInterval, setTimeout } = globalThis
export const { exit, nextTick } = process
export const { closeSync, fstatSync, openSync, readSync, readlinkSync, writevSync } = fs
