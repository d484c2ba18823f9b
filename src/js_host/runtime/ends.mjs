// How a call can end, as metrics count it.

/** @typedef {'ok' | 'error' | 'timeout' | 'cancelled'} End */

export const OK = 'ok'
export const ERROR = 'error'
export const TIMEOUT = 'timeout'
/** Its caller wanted it no more, or was gone. */
export const CANCELLED = 'cancelled'
