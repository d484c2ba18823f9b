// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const node_crypto = require('node:crypto');
const net = require('node:net');
const main = require('./main.cjs');
require('node:fs');
require('node:path');
require('node:url');
require('node:util/types');
require('node:buffer');
require('node:worker_threads');

/**
 * Who may use a host's shared sockets: no web page, nobody who asks by a strange name, and, where there is a token, nobody
 * without it.
 *
 * What decides is what the headers say and where they came in, so the body of a request that is refused is never read.
 */


/** @typedef {import('node:http').IncomingMessage} Request */

/** How long whoever gives no token, or a wrong one, waits for the answer, in ms: guessing takes time. */
const DELAY = 1000;

/** How often refused requests are logged at most, in ms. */
const LOG_EVERY = 10_000;

/** What says only that somebody is there, and is asked by load balancers, which have neither token nor name. */
const OPEN_PATHS = new Set(['/health', '/ready']);

const PAGE = 'Web pages may not call this host: the request says that a browser sent it for one (Origin, Sec-Fetch-Site). ' +
  'Call the host from your server.';

const TWO_NAMES = 'The request names two hosts.';
const NO_TOKEN = 'This host wants its token, and none came with the request: send "Authorization: Bearer <token>".';
const WRONG_TOKEN = 'The token that came with the request is not the one of this host.';

/** A request that is answered with an error, by the server's own choice. */
class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {Record<string, string>} [headers]
   */
  constructor (status, message, headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The secret of a host, known by its digest alone: functions of the same process can not read it. */
class Token {
  /** @param {string} digest its SHA-256 in hexadecimal digits */
  constructor (digest) {
    this.digest = Buffer.from(digest, 'hex');
  }

  /** @param {string} text */
  static of (text) {
    return new Token(node_crypto.createHash('sha256').update(text).digest('hex'))
  }

  /** Takes the same time whatever was said. @param {unknown} said */
  matches (said) {
    return typeof said === 'string' && node_crypto.timingSafeEqual(node_crypto.createHash('sha256').update(said).digest(), this.digest)
  }
}

class Guard {
  /**
   * @param {import('./host.mjs').Host} host
   * @param {Token | null} [token] asked for on TCP; a Unix socket lets in whom its directory lets in
   */
  constructor (host, token = null) {
    this.host = host;
    this.token = token;
    this.unlogged = 0;
    this.logAgainAt = 0;
  }

  /**
   * Why a request is refused, or null. Those without the token are told so late.
   * @param {Request} req
   * @returns {Refusal | Promise<Refusal> | null}
   */
  refusal (req) {
    if (isFromPage(req.headers)) return this.#refused(req, new Refusal(403, PAGE, { connection: 'close' }))
    if (isUnixSocket(req) || OPEN_PATHS.has(pathOf(req))) return null
    if (this.token !== null) return this.#tokenRefusal(req, req.headers.authorization === undefined)
    return this.#nameRefusal(req)
  }

  /**
   * The same for the upgrade to frames, whose hello may bring the token.
   * @param {Request} req
   * @returns {Refusal | Promise<Refusal> | null}
   */
  upgradeRefusal (req) {
    if (isFromPage(req.headers)) return this.#refused(req, new Refusal(403, PAGE, { connection: 'close' }))
    if (isUnixSocket(req)) return null
    if (this.token === null) return this.#nameRefusal(req)
    return req.headers.authorization === undefined ? null : this.#tokenRefusal(req, false)
  }

  /**
   * The token that is asked for in the hello of frames, or null where none is, or the upgrade has brought it.
   * @param {Request} req
   */
  wanted (req) {
    return isUnixSocket(req) || req.headers.authorization !== undefined ? null : this.token
  }

  /**
   * Somebody gave no token, or a wrong one: resolves when it is time to say so.
   * @param {string | undefined} address
   */
  strangerCame (address) {
    this.host.counters.wrongTokens++;
    this.#log(`a caller at ${address} did not give the token of this host`);
    return new Promise((resolve) => { main.setTimeout(resolve, DELAY); })
  }

  /** @param {Request} req @param {boolean} silent */
  #tokenRefusal (req, silent) {
    const said = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '');
    if (this.token?.matches(said?.[1])) return null
    const refusal = new Refusal(401, silent ? NO_TOKEN : WRONG_TOKEN, { connection: 'close', 'www-authenticate': 'Bearer realm="js-host"' });
    return this.strangerCame(req.socket.remoteAddress).then(() => refusal)
  }

  /** @param {Request} req */
  #nameRefusal (req) {
    const { address, allowedHosts } = this.host.settings;
    const { localAddress = '', localPort = 0 } = req.socket;
    if ((req.headersDistinct.host ?? []).length > 1) return this.#refused(req, new Refusal(400, TWO_NAMES, { connection: 'close' }))
    const port = 'encrypted' in req.socket ? 443 : 80;
    if (isOurName(req.headers.host, { localAddress, localPort, port, names: [address, ...allowedHosts] })) return null
    return this.#refused(req, new Refusal(403, nameStory(req.headers.host, localAddress, localPort), { connection: 'close' }))
  }

  /** @param {Request} req @param {Refusal} refusal */
  #refused (req, refusal) {
    this.host.counters.refusedRequests++;
    const { origin, host } = req.headers;
    this.#log(`a request was refused (host ${JSON.stringify(host)}, origin ${JSON.stringify(origin ?? null)})`);
    return refusal
  }

  /** Not each of a flood. @param {string} text */
  #log (text) {
    const now = main.performance.now();
    if (now < this.logAgainAt) return void this.unlogged++
    const { logger } = this.host;
    const write = logger.warn ?? logger.info;
    write.call(logger, `js-host: ${text}${this.unlogged > 0 ? `, and ${this.unlogged} more since the last line` : ''}`);
    this.unlogged = 0;
    this.logAgainAt = now + LOG_EVERY;
  }
}

/**
 * Browsers say so when a page, their own or another, has sent the request. 'none' is the address bar.
 * @param {Request['headers']} headers
 */
function isFromPage (headers) {
  const site = headers['sec-fetch-site'];
  return headers.origin !== undefined || (site !== undefined && site !== 'none')
}

/**
 * Whether a request asks for this host, and not, as a page may make it by a name that it controls (DNS rebinding), for another
 * that has its address. On loopback the name must be one of a few, with the port; elsewhere any address will do.
 * @param {string | undefined} header its Host; without one no browser has sent it
 * @param {{localAddress: string, localPort: number, port: number, names: string[]}} place where it came in, the port that is
 *   left out of a Host, and the names that were given to it
 */
function isOurName (header, { localAddress, localPort, port, names }) {
  const said = (header ?? '').toLowerCase();
  if (said === '') return true
  const [name, at] = splitHost(said);
  if (names.some((one) => [name, said].includes(one.toLowerCase()) && (!net.isIP(one) || Number(at || port) === localPort))) return true
  if (!main.isLoopback(localAddress)) return net.isIP(name) !== 0 || name === 'localhost'
  return [...LOOPBACK_NAMES, localAddress].includes(name) && Number(at || port) === localPort
}

const LOOPBACK_NAMES = ['127.0.0.1', '::1', 'localhost'];

/**
 * 'name:80' → ['name', '80'], '[::1]' → ['::1', ''].
 * @param {string} said
 */
function splitHost (said) {
  const found = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(said);
  return found ? [found[1] ?? found[2], found[3] ?? ''] : ['', '']
}

/** @param {string | undefined} said @param {string} address @param {number} port */
function nameStory (said, address, port) {
  const place = net.isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  return `This host does not answer to the name ${JSON.stringify(said)}. Ask by its address, ${place}, or list the name in ` +
    '`allowedHosts` of its config.'
}

/** @param {Request} req */
function isUnixSocket (req) {
  return req.socket.localAddress === undefined
}

/** @param {Request} req */
function pathOf (req) {
  return (req.url ?? '/').split('?', 1)[0]
}

exports.Guard = Guard;
exports.Refusal = Refusal;
exports.Token = Token;
exports.isFromPage = isFromPage;
exports.isOurName = isOurName;
exports.pathOf = pathOf;
