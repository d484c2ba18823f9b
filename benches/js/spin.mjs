// A sleeping event loop costs a wake-up, several times a tiny call. While requests follow answers within
// SPIN_US microseconds, setImmediate is armed again and again, so that epoll is polled with timeout 0;
// timers, promises and other sockets go on as usual.
const SPIN_MS = Number(process.env.SPIN_US || 0) / 1000

let until = 0
let armed = false
let answered = -Infinity

const turn = () => {
  if (performance.now() < until) setImmediate(turn)
  else armed = false
}

/** Did this request follow the last answer closely? Ask before answering it. */
export const followsClosely = () => SPIN_MS > 0 && performance.now() - answered < SPIN_MS

/** An answer was written: keep turning a while if its request had followed closely. */
export function spin (close) {
  if (SPIN_MS === 0) return
  answered = performance.now()
  if (!close) return
  until = answered + SPIN_MS
  if (!armed) {
    armed = true
    setImmediate(turn)
  }
}
