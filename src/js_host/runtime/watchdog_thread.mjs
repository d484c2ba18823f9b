// The watchdog's thread. It keeps running while the main thread's event loop is stuck.

import fs from 'node:fs'
import net from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

/** How often it looks, and how far beyond its deadline the loop must be stuck, in ms. */
const TICK = 150
const GRACE = 100
/** How long the main thread may take to show its stack, in ms that this process has a processor: native code can not be interrupted. */
const STACK_TIMEOUT = 150
/** The same in all, in ms: on a busy machine a process waits for its processor. Callers wait for little more. */
const LONGEST_STACK_TIMEOUT = 300
/** Within this time the stack must be there, in ms, for the places in it to be looked up in source maps. */
const MAPPED = 150
/** So many questions in a row that the event loop does not come round to are too many. */
const MISSES = 3

const { control, cells, seats, inodes, origin, RUNNING, NEAREST, LEAVING, ENDLESS, TURNS, SILENT, INSPECTS, DEBUGGED } = workerData
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort)
let pending = ''
/** @type {number} the nearest deadline that the main thread was asked about */
let doubted = 0
/** How often the event loop had come round when it was asked last. @type {number} */
let turns = -1
/** How many questions in a row it did not come round to, although no call could be the reason. */
let missed = 0
/** Whether there was a call since the last question that may block the event loop. */
let excused = false

const supervisor = new net.Socket({ fd: control, readable: true, writable: false })
supervisor.setEncoding('utf8')
supervisor.on('data', (text) => {
  const lines = (pending + text).split('\n')
  pending = /** @type {string} */ (lines.pop())
  for (const line of lines) hear(JSON.parse(line))
})
supervisor.on('error', die)
supervisor.on('close', die)

const ticker = setInterval(look, TICK)

/** @param {{type: string, number?: number}} order */
function hear (order) {
  if (order.type === 'pulse') return pulse(order)
  port.postMessage({ control: order })
  // Who asks later must not get an answer by code that has been replaced. Not before the main thread has the order to close its
  // door: whoever was refused would come in again.
  if (order.type === 'drain') cells[LEAVING] = 1
}

/** The process lives, however busy the main thread is. Does its event loop, too? @param {object} order */
function pulse (order) {
  writeAll(control, Buffer.from(JSON.stringify(order) + '\n'))
  missed = mayBlock() || excused || cells[TURNS] !== turns ? 0 : missed + 1
  if (missed === MISSES) return stuck('for long, outside of any call')
  turns = cells[TURNS]
  excused = DEBUGGED
  port.postMessage({ turn: true })
}

/** Whether a call runs that has a deadline to be judged by, or none at all. */
function mayBlock () {
  return cells[RUNNING] !== 0 || cells[ENDLESS] !== 0
}

/** Is the event loop stuck beyond what its calls may take? */
function look () {
  const now = Number(process.hrtime.bigint()) / 1e6 - origin
  const running = cells[RUNNING]
  excused ||= mayBlock()
  if (running !== 0) return now > running + GRACE ? stuck('beyond the deadline') : undefined
  const nearest = cells[NEAREST]
  if (nearest === 0 || now <= nearest + GRACE) return
  // A loop that turns would have ended that call; or the cell is out of date, which a loop that turns mends.
  if (doubted === nearest) return stuck('beyond the deadline')
  doubted = nearest
  port.postMessage({ doubt: true })
}

/** The main thread does not come back: say where it is, and end the process. @param {string} how it blocks */
async function stuck (how) {
  clearInterval(ticker)
  const { byeFrame } = await import('./messages.mjs')
  const { stack, where } = await mainThreadStack()
  const message = `The JavaScript blocked the event loop ${how}${where === '' ? '' : `, in ${where}`}.`
  const report = { reason: 'stuck', message, stack }
  for (const [seat, fd] of seats.entries()) if (fd !== SILENT && inodeOf(fd) === inodes[seat]) writeAll(fd, byeFrame(report))
  writeAll(control, Buffer.from(JSON.stringify({ type: 'stuck', message, stack }) + '\n'))
  die()
}

/** @returns {Promise<{stack: string, where: string}>} */
async function mainThreadStack () {
  if (!INSPECTS) return { stack: '', where: "code that can not be shown: Node's permission model denies the inspector (Node 24 and later have --allow-inspector)" }
  const { Session } = await import('node:inspector')
  const { SourceMaps } = await import('./source_maps.mjs')
  const session = new Session()
  const began = performance.now()
  return new Promise((resolve) => {
    const scripts = new Map()
    whenOverdue(() => resolve({ stack: '', where: 'code that did not show its stack: native (a regular expression, JSON, …), or short of a processor' }))
    session.connectToMainThread()
    session.on('Debugger.scriptParsed', ({ params }) => scripts.set(params.scriptId, params))
    session.on('Debugger.paused', ({ params }) => {
      const maps = performance.now() - began < MAPPED ? new SourceMaps() : null
      resolve(describe(params.callFrames, scripts, maps))
    })
    session.post('Debugger.enable')
    session.post('Debugger.pause')
  })
}

/** @param {() => void} giveUp */
function whenOverdue (giveUp) {
  const began = performance.now()
  const before = process.cpuUsage()
  setInterval(() => {
    const { user, system } = process.cpuUsage(before)
    if ((user + system) / 1000 > STACK_TIMEOUT || performance.now() - began > LONGEST_STACK_TIMEOUT) giveUp()
  }, 10)
}

/**
 * @param {import('node:inspector').Debugger.CallFrame[]} frames @param {Map<string, import('./source_maps.mjs').Script>} scripts
 * @param {import('./source_maps.mjs').SourceMaps | null} maps
 */
function describe (frames, scripts, maps) {
  const lines = frames.map(({ functionName, location: { scriptId, lineNumber, columnNumber = 0 }, url }) => {
    const script = scripts.get(scriptId) ?? { url }
    const file = (url || script.url).replace(/^file:\/\//, '')
    const own = !file.startsWith('node:') && !file.startsWith(runtime)
    const place = (own && maps?.place(script, lineNumber, columnNumber)) || `${file}:${lineNumber + 1}:${columnNumber + 1}`
    return { own, text: `${functionName || '<anonymous>'} (${place})` }
  })
  const own = lines.filter((line) => line.own)
  return { stack: own.map(({ text }) => `    at ${text}`).join('\n'), where: own[0]?.text ?? lines[0]?.text ?? '' }
}

const runtime = new URL('.', import.meta.url).pathname

/** @param {number} fd */
function inodeOf (fd) {
  try {
    return fs.fstatSync(fd).ino
  } catch {
    return -1 // it is closed
  }
}

/** @param {number} fd @param {Buffer} bytes */
function writeAll (fd, bytes) {
  try {
    fs.writeSync(fd, bytes)
  } catch {
    // The client is gone, or reads nothing: it will see the end of the connection instead.
  }
}

/** End this process and those that it has started. A worker of a supervisor leads a group of its own. */
function die () {
  try {
    process.kill(-process.pid, 'SIGKILL')
  } catch {
    process.kill(process.pid, 'SIGKILL')
  }
}
