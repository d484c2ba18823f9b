// How long a client may take over what it has begun: its hello, and the rest of a frame of which part has come.

import { FrameError } from './frames.mjs'
import { clearTimeout, setImmediate, setTimeout } from './originals.mjs'

/** How long a client may take for its first frame, in ms. */
export const HELLO_TIMEOUT = 5000

/** How long the rest of a frame is waited for, in ms, and as long again for each LEAST_PROGRESS bytes that come. */
export const FRAME_TIMEOUT = 30_000
export const LEAST_PROGRESS = 32 * 1024

/**
 * Calls `look` after so many ms, when what has come meanwhile was read: the event loop may have been busy all the time.
 * @param {number} time @param {() => void} look
 */
export function later (time, look) {
  return setTimeout(setImmediate, time, look)
}

/** Looks after the half-received frame of one connection. */
export class Patience {
  /** @param {{bytes: number, listening: boolean, reader: import('./frames.mjs').FrameReader, protocolError: (error: unknown) => void}} connection */
  constructor (connection) {
    this.connection = connection
    /** @type {NodeJS.Timeout | null} */
    this.timer = null
  }

  /** Part of a frame has come, or no part is left. */
  look () {
    this.end()
    if (!this.connection.reader.isPartial) return
    const before = this.connection.bytes
    const timer = this.timer = later(FRAME_TIMEOUT, () => { if (this.timer === timer) this.#judge(before) })
  }

  end () {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  /** @param {number} before how many bytes had come when the waiting began */
  #judge (before) {
    this.end()
    const { bytes, listening } = this.connection
    if (!listening || bytes - before >= LEAST_PROGRESS) return this.look()
    this.connection.protocolError(new FrameError(`Part of a frame came, and its rest not within ${FRAME_TIMEOUT / 1000} s.`))
  }
}
