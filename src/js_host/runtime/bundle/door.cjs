// Made of the modules in the directory above by `python3 dev.py bundle`, as one file loads sooner than many. Edit those.
'use strict';

Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });

const fs = require('node:fs');
const main = require('./main.cjs');
const guard = require('./guard.cjs');
const node_http = require('node:http');
require('node:net');
require('node:path');
require('node:url');
require('node:util/types');
require('node:buffer');
require('node:worker_threads');
require('node:crypto');

/**
 * The plain half of every socket: status, health and functions over HTTP, for whoever does not speak frames.
 *
 * `guard.mjs` says who is let in.
 */


/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {import('./host.mjs').Host} Host @typedef {import('./worker.mjs').Worker} Worker */
/** @typedef {(req: Request, socket: import('node:stream').Duplex, head: Buffer) => void} OnUpgrade */

/**
 * Node's defaults change with its versions, so each limit is written down. None of them cuts a function that runs long: they
 * end with the request's last byte. Idle connections stay: closing one races with the next request on it.
 */
const LIMITS = {
  keepAliveTimeout: 0,
  headersTimeout: 15_000,
  requestTimeout: 300_000,
  connectionsCheckingInterval: 2500, // how late the two above may be
  maxHeaderSize: 16_384,
  requireHostHeader: true,
  insecureHTTPParser: false,
  noDelay: true
};

const MAX_HEADERS = 100;
const MAX_REQUESTS = 0; // on one connection: any number

/** How long a TLS handshake may take, in ms. */
const HANDSHAKE_TIMEOUT = 5000;

const PATIENCE = 1000; // ms

/** How long a server that drains goes on serving idle connections, in ms: on each, a request may be under way. */
const LINGER = 1000;

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

/** @typedef {{guard: Guard, open: number, running: Set<Response>, calls: Set<Call>, draining: boolean, onLess: () => void}} State */

/** @type {WeakMap<import('node:http').Server, State>} */
const states = new WeakMap();

/**
 * @typedef {object} ServerOptions
 * @property {OnUpgrade} [onUpgrade]
 * @property {Guard} [guard]
 * @property {import('node:tls').TlsOptions | null} [tls] serve HTTPS with these
 * @property {Partial<typeof LIMITS>} [limits] instead of the usual ones
 */

/**
 * @param {Worker} worker
 * @param {ServerOptions} [options]
 * @returns {import('node:http').Server}
 */
function createHttpServer (worker, { onUpgrade, guard: guard$1 = new guard.Guard(worker.host), tls = null, limits = {} } = {}) {
  const server = tls === null ? node_http.createServer({ ...LIMITS, ...limits }) : createTlsServer(tls, { ...LIMITS, ...limits });
  const state = { guard: guard$1, open: 0, running: new Set(), calls: new Set(), draining: false, onLess: () => {} };
  const listener = (/** @type {Request} */ req, /** @type {Response} */ res) => { handle(worker, state, req, res); };
  states.set(server, state);
  server.timeout = 0;
  server.on('connection', (socket) => {
    state.open++;
    socket.once('close', () => { state.open--; state.onLess(); });
  });
  server.maxHeadersCount = MAX_HEADERS;
  server.maxRequestsPerSocket = MAX_REQUESTS;
  server.on('request', listener);
  server.on('checkContinue', listener); // the answer to `Expect: 100-continue` is given when the headers were found good
  if (onUpgrade) server.on('upgrade', (req, socket, head) => { upgrade(guard$1, onUpgrade, req, socket, head); });
  server.emit('listening'); // starts the clock of the limits, also where connections are handed over and nothing listens
  return server
}

/**
 * @param {import('node:tls').TlsOptions} tls
 * @param {typeof LIMITS} limits
 * @returns {import('node:http').Server}
 */
function createTlsServer (tls, limits) {
  const { createServer } = process.getBuiltinModule('node:https');
  return createServer({ ...limits, handshakeTimeout: HANDSHAKE_TIMEOUT, ...tls })
}

/**
 * Answers what runs and what still comes, each as the last on its connection; resolves when nothing runs or comes any more.
 * @param {import('node:http').Server} server
 * @param {number} [time] how long that may take, in ms; 0 is as long as it likes
 * @returns {Promise<void>}
 */
function drainHttpServer (server, time = 0) {
  const state = /** @type {State} */ (states.get(server));
  state.draining = true;
  if (server.listening) server.close();
  if (time > 0) main.setTimeout(() => { for (const call of state.calls) call.abort(main.outOfTime()); }, main.noticeTime(time)).unref();
  return new Promise((resolve) => {
    let lingering = true;
    state.onLess = () => {
      if (state.running.size > 0 || (lingering && state.open > 0)) return
      server.closeAllConnections(); // those on which nothing was ever asked
      resolve();
    };
    main.setTimeout(() => {
      lingering = false;
      server.closeIdleConnections();
      state.onLess();
    }, LINGER).unref();
    state.onLess();
  })
}

/**
 * @param {Worker} worker
 * @param {State} state
 * @param {Request} req
 * @param {Response} res
 */
async function handle (worker, state, req, res) {
  state.running.add(res);
  const over = () => { if (state.running.delete(res)) state.onLess(); };
  res.once('close', over);
  const found = await answerTo(worker, state, req, res).catch(failure);
  if (req.socket.destroyed) return over() // before Node 24, an answer that waits behind another is not closed with its connection
  // A caller that waits for "continue" and got an answer instead: what follows on this connection can not be told.
  if (state.draining || (req.headers.expect && !req.complete)) found.headers.connection = 'close';
  const { status, type, body, headers } = found;
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'x-content-type-options': 'nosniff', ...headers });
  res.end(body);
}

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} type
 * @property {string | Uint8Array} body
 * @property {Record<string, string>} headers
 */

/**
 * @param {number} status
 * @param {string} type
 * @param {string | Uint8Array} body
 * @param {Record<string, string>} [headers]
 * @returns {Answer}
 */
function answer (status, type, body, headers = {}) {
  return { status, type, body, headers: { ...headers } }
}

/** @param {unknown} error */
function failure (error) {
  if (error instanceof guard.Refusal) return answer(error.status, TEXT, error.message, error.headers)
  return answer(500, TEXT, main.describeError(error).stack)
}

/**
 * @param {Worker} worker
 * @param {State} state
 * @param {Request} req
 * @param {Response} res
 * @returns {Promise<Answer>}
 */
async function answerTo (worker, state, req, res) {
  const refusal = await state.guard.refusal(req);
  if (refusal !== null) throw refusal
  const path = guard.pathOf(req);
  if (path === '/health') {
    allow(req, 'GET', 'HEAD');
    return answer(200, JSON_TYPE, '{"status":"ok"}')
  }
  if (path === '/status') {
    allow(req, 'GET', 'HEAD');
    return answer(200, JSON_TYPE, JSON.stringify(worker.status()))
  }
  if (path === '/ready') {
    allow(req, 'GET', 'HEAD');
    if (state.draining) throw new guard.Refusal(503, 'The host is stopping.')
    return answer(200, JSON_TYPE, '{"status":"ready"}')
  }
  if (path.startsWith('/function/')) {
    allow(req, 'POST');
    return callFunction(worker, state, decodeName(path.slice('/function/'.length)), req, res)
  }
  throw new guard.Refusal(404, `Not found. There are GET /status, GET /health, GET /ready and POST /function/<name>, not ${path}`)
}

/**
 * @param {Worker} worker
 * @param {State} state
 * @param {string} name
 * @param {Request} req
 * @param {Response} res
 */
async function callFunction (worker, state, name, req, res) {
  const { host } = worker;
  const entry = host.find(name);
  if (!entry) throw new guard.Refusal(404, `Not found. Unknown function "${name}"`)
  const data = await readData(req, res, host.settings.requestDataLimit);
  const call = new main.Call(0, name, 0);
  call.traceparent = main.readTraceparent(/** @type {string | undefined} */ (req.headers.traceparent));
  state.calls.add(call);
  res.once('close', () => {
    state.calls.delete(call);
    if (!res.writableFinished) worker.abandon(call, new Error('The caller closed the connection'));
  });
  return resultAnswer(host, name, await worker.runAlone(entry, data, call))
}

/**
 * @param {Host} host
 * @param {string} name
 * @param {any} result
 */
function resultAnswer (host, name, result) {
  if (typeof result === 'string') return answer(200, TEXT, result)
  if (result instanceof Uint8Array) return answer(200, 'application/octet-stream', result)
  if (main.isStream(result)) {
    main.closeStream(host, name, result);
    throw new TypeError(`Function "${name}" returned a stream, which plain HTTP does not carry: call it over frames.`)
  }
  return answer(200, JSON_TYPE, JSON.stringify(result) ?? 'null')
}

/**
 * @param {Request} req
 * @param {Response} res
 * @param {number} limit
 * @returns {Promise<unknown>}
 */
async function readData (req, res, limit) {
  refuseOtherTypes(req);
  const length = Number(req.headers['content-length'] ?? 0);
  if (length > limit) return discard(req, limit)
  if (req.headers.expect) res.writeContinue();
  const body = await readBody(req, limit);
  return body.length === 0 ? {} : parse(body)
}

/**
 * @param {Request} req
 * @param {number} limit
 * @returns {Promise<Buffer>}
 */
function readBody (req, limit) {
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const chunks = [];
    let size = 0;
    const take = (/** @type {Buffer} */ chunk) => {
      size += chunk.length;
      if (size <= limit) return chunks.push(chunk)
      req.off('data', take);
      chunks.length = 0;
      discard(req, limit).catch(reject);
    };
    req.on('data', take);
    req.once('end', () => { if (size <= limit) resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)); });
    req.once('error', reject); // the caller went away: there is nobody to answer
  })
}

/**
 * Lets the rest of a body pass for a moment: a caller that is cut off while it writes never reads why.
 * @param {Request} req
 * @param {number} limit
 * @returns {Promise<never>}
 */
async function discard (req, limit) {
  if (!req.headers.expect) {
    await new Promise((resolve) => {
      const timer = main.setTimeout(resolve, PATIENCE);
      req.once('close', () => { main.clearTimeout(timer); resolve(null); });
      req.once('end', () => { main.clearTimeout(timer); resolve(null); });
      req.resume();
    });
  }
  throw new guard.Refusal(413, `The body is larger than the host allows: requestDataLimit is ${limit} bytes.`, { connection: 'close' })
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @param {Buffer} body */
function parse (body) {
  try {
    return JSON.parse(decoder.decode(body))
  } catch (error) {
    throw new guard.Refusal(400, `The body is not JSON: ${/** @type {Error} */ (error).message}`)
  }
}

/** @param {Request} req */
function refuseOtherTypes (req) {
  const type = (req.headers['content-type'] ?? '').split(';', 1)[0].trim().toLowerCase();
  if (type === JSON_TYPE) return
  throw new guard.Refusal(415, `Calls are JSON, with the header "Content-Type: application/json", not "${type}".`, { connection: 'close' })
}

/**
 * @param {Request} req
 * @param {string[]} methods
 */
function allow (req, ...methods) {
  if (methods.includes(req.method ?? '')) return
  throw new guard.Refusal(405, `Use ${methods[0]} here, not ${req.method}.`, { allow: methods.join(', ') })
}

/** @param {string} encoded */
function decodeName (encoded) {
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw new guard.Refusal(400, `The name of the function is not percent-encoded UTF-8: ${encoded}`)
  }
}

/**
 * @param {Guard} guard
 * @param {OnUpgrade} onUpgrade
 * @param {Request} req
 * @param {import('node:stream').Duplex} socket
 * @param {Buffer} head
 */
async function upgrade (guard$1, onUpgrade, req, socket, head) {
  socket.on('error', () => {}); // a caller that went away is no news
  const refusal = await guard$1.upgradeRefusal(req);
  if (refusal !== null) return refuseUpgrade(socket, refusal)
  if (req.headers.upgrade?.toLowerCase() !== 'js-host/1') return refuseUpgrade(socket, new guard.Refusal(400, 'The only upgrade is js-host/1.'))
  onUpgrade(req, socket, head);
}

/**
 * @param {import('node:stream').Duplex} socket
 * @param {Refusal} refusal
 */
function refuseUpgrade (socket, { status, message, headers }) {
  const lines = { ...headers, 'content-type': TEXT, 'content-length': Buffer.byteLength(message), connection: 'close' };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status} ${node_http.STATUS_CODES[status]}\r\n${head}\r\n${message}`, () => socket.destroy()); // nobody reads on
}

/**
 * The door of a worker to the network: HTTP, or HTTPS, and frames after an upgrade, on sockets that were accepted elsewhere.
 */


/** @typedef {import('node:net').Socket} Socket @typedef {import('./guard.mjs').Token} Token */

/** How accepted sockets are to be made for `admit`; one whose other end is gone is noticed within a minute or two. */
const ACCEPT = { pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 };

/**
 * @typedef {object} DoorOptions
 * @property {Token | null} [token] what callers on TCP must give
 * @property {import('node:tls').TlsOptions | null} [tls]
 */

class Door {
  /**
   * @param {import('./worker.mjs').Worker} worker
   * @param {DoorOptions} [options]
   */
  constructor (worker, { token = null, tls = null } = {}) {
    this.worker = worker;
    this.encrypted = tls !== null;
    this.limit = worker.host.settings.maxConnections;
    /** Connections that are open, also those that speak frames by now. */
    this.count = 0;
    this.left = () => { this.count--; };
    this.guard = new guard.Guard(worker.host, token);
    this.server = createHttpServer(worker, {
      guard: this.guard,
      tls,
      onUpgrade: (req, socket, head) => this.#upgrade(req, /** @type {Socket} */ (socket), head)
    });
  }

  /** Serve a connection, if there are not too many. @param {Socket} socket */
  admit (socket) {
    if (this.count >= this.limit) return this.#turnAway(socket)
    this.#counted(socket);
    this.server.emit('connection', socket);
    socket.resume();
  }

  /** @param {number} [time] how long its calls may take, in ms */
  drain (time) {
    return drainHttpServer(this.server, time)
  }

  /** @param {Socket} socket */
  #counted (socket) {
    this.count++;
    socket.once('close', this.left);
  }

  /** @param {Socket} socket */
  #turnAway (socket) {
    this.worker.host.counters.refusedConnections++;
    socket.destroy();
  }

  /** @param {import('node:http').IncomingMessage} req @param {Socket} socket @param {Buffer} head */
  #upgrade (req, socket, head) {
    const wanted = this.guard.wanted(req);
    const address = socket.remoteAddress;
    main.serveUpgrade(this.worker, socket, head, {
      encrypted: this.encrypted,
      admits: wanted && ((said) => wanted.matches(said) || this.guard.strangerCame(address)),
      onOpen: (connection) => { if (!this.encrypted) this.#counted(connection.socket); } // its first socket is closed
    });
  }
}

/**
 * The options for HTTPS from the paths of its files. With `clientCa`, whoever has no certificate signed by it stays outside.
 * @param {string} cert @param {string} key @param {string | undefined} clientCa
 * @returns {import('node:tls').TlsOptions}
 */
function tlsOptions (cert, key, clientCa) {
  const options = { minVersion: /** @type {const} */ ('TLSv1.3'), cert: read(cert, 'certificate'), key: read(key, 'key') };
  if (clientCa === undefined) return options
  return { ...options, ca: read(clientCa, 'certificate of who signs for callers'), requestCert: true, rejectUnauthorized: true }
}

/** @param {string} path @param {string} what */
function read (path, what) {
  try {
    return fs.readFileSync(path)
  } catch (error) {
    throw new main.ConfigError('JS_HOST_TLS', `The ${what} for TLS can not be read: ${/** @type {Error} */ (error).message}.`,
      'Name a file in PEM form that the user of the host may read.')
  }
}

exports.ACCEPT = ACCEPT;
exports.Door = Door;
exports.tlsOptions = tlsOptions;
