// The name of a function as a CALL carries it: a NUL and a traceparent (W3C Trace Context) may follow it.
//
// Only who finds no function of the whole name looks, so a call that nobody traces pays nothing. _wire/traces.py is the twin.

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * The name of the function itself, and the traceparent, if there is one.
 * @param {string} name @returns {{name: string, traceparent: string | undefined}}
 */
export function splitName (name) {
  const mark = name.indexOf('\0')
  const traceparent = mark < 0 ? undefined : readTraceparent(name.slice(mark + 1))
  return { name: traceparent === undefined ? name : name.slice(0, mark), traceparent }
}

/** The traceparent, if it is one. @param {string | undefined} text @returns {string | undefined} */
export function readTraceparent (text) {
  return text !== undefined && TRACEPARENT.test(text) ? text : undefined
}
