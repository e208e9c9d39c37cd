import type { IncomingMessage, Server } from "node:http";
import { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { maxHeaderLines } from "../gateway/framing.ts";
import type { Gate } from "../gateway/gate.ts";
import { createRequestHandler } from "../gateway/handle-request.ts";
import { createUpgradeHandler } from "../gateway/handle-upgrade.ts";
import { recordUnread } from "../gateway/record.ts";
import { refuse, refuseUnread } from "../gateway/refuse.ts";
import type { RefusalReason } from "../gateway/verdict.ts";
import { beginVisit } from "../gateway/visit.ts";
import {
  answerRequests,
  type Engine,
  openServer,
  type TlsServerOptions,
} from "../node-http/engine.ts";
import { serveWithoutUpgrade } from "../node-http/ignored-upgrades.ts";
import { closeBehindAnswer, lineOf, stateOf } from "../node-http/in-order.ts";
import { acceptHttp2 } from "./accept-http2.ts";
import type { Http2Connections } from "./http2-connections.ts";
import { limitConnections } from "./limit-connections.ts";
import { watchStalls } from "./stalled-clients.ts";

/** What the server is made of, TLS, and the limits on what clients may take. */
export interface ProxyServerOptions {
  readonly engine: Engine;
  readonly tls: TlsServerOptions | undefined;
  /** The longest head of a request, in bytes. */
  readonly headerBytes: number;
  /** How long a client may take to send the head of a request. */
  readonly headersTimeoutMs: number;
  /** How long a client may take to send a whole request. */
  readonly requestTimeoutMs: number;
  /** How long a connection without a request is kept. */
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  /** How long a client may pause in the middle of the body of a request. */
  readonly receiveTimeoutMs: number;
  /** How long a client may take nothing of what it is sent. */
  readonly sendTimeoutMs: number;
  /** Whether clients may speak HTTP/2. */
  readonly http2: boolean;
  /** Requests in progress on one connection of HTTP/2. */
  readonly streams: number;
}

/** The server that clients talk to, and those of its connections that speak HTTP/2. */
export interface ProxyServer {
  readonly server: Server;
  readonly http2: Http2Connections;
}

const limitsOf = new WeakMap<Server, ProxyServerOptions>();

const checkTimeoutsEveryMs = 1000;
/** How Node says that a client took longer than `headersTimeout` or `requestTimeout`. */
const requestTimeout = "ERR_HTTP_REQUEST_TIMEOUT";
const handshakeTimeout = "ERR_TLS_HANDSHAKE_TIMEOUT";
/** How Node's parser says that something came behind a request with `Connection: close`. */
const behindLastRequest = "HPE_CLOSED_CONNECTION";

/**
 * Makes the server that clients talk to; it does not listen yet. Each request goes by the gate that is
 * current when it arrives.
 */
export function createProxyServer(
  currentGate: () => Gate,
  options: ProxyServerOptions,
): ProxyServer {
  const server = openHttpServer(options);
  adjustProxyServer(server, options);
  watchStalls(
    server,
    () => limitsOf.get(server) ?? options,
    (stall) => currentGate().metrics.stalledClients[stall].inc(),
  );
  const handleRequest = createRequestHandler(currentGate);
  answerRequests(server, options.engine, handleRequest);
  const http2 = acceptHttp2(currentGate, () => limitsOf.get(server) ?? options, handleRequest);
  limitConnections(server, {
    max: () => limitsOf.get(server)?.maxConnections ?? options.maxConnections,
    readPeer: (socket) => currentGate().readPeer(socket),
    http2,
    onCrowded: (crowding) => currentGate().metrics.crowdedConnections[crowding].inc(),
  });
  const handleUpgrade = createUpgradeHandler(currentGate);
  // Whatever these throw costs a connection, and no more.
  const guard = (socket: Duplex, handle: () => void) => {
    try {
      handle();
    } catch (error) {
      currentGate().onUncaught("clients", error);
      socket.destroy();
    }
  };
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    guard(socket, () => {
      if (serveWithoutUpgrade(server, { request, socket, head })) return;
      // An upgrade behind an unfinished response would be written into it.
      if (stateOf(request.socket) !== "free") return closeBehindAnswer(socket);
      lineOf(request.socket).upgraded = true;
      handleUpgrade(request, socket, head);
    });
  });
  server.on("connect", (request: IncomingMessage, socket: Duplex) => {
    guard(socket, () => {
      if (stateOf(request.socket) === "free") refuseConnect(currentGate(), request, socket);
      else closeBehindAnswer(socket);
    });
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    guard(socket, () => {
      // What the parser of HTTP/1.1 has to say of one that speaks HTTP/2 by now is of no interest.
      if (http2.has(socket)) return;
      if (limitsOf.get(server)?.http2 === true && http2.take(socket, error)) return;
      answerClientError(currentGate(), error, socket);
    });
  });
  // Such as too many open files: the connection is not taken, and the next may be.
  server.on("error", (error) => currentGate().onUncaught("clients", error));
  return { server, http2 };
}

/**
 * Sets what can be set while the server runs: everything but `engine`, `headerBytes`, `http2`, whether there is
 * TLS, and whether clients are asked for certificates.
 */
export function adjustProxyServer(server: Server, options: ProxyServerOptions): void {
  server.headersTimeout = options.headersTimeoutMs;
  server.requestTimeout = options.requestTimeoutMs;
  server.keepAliveTimeout = options.idleTimeoutMs;
  limitsOf.set(server, options);
  if (server instanceof TlsServer && options.tls) {
    const { cert, key, ca } = options.tls;
    server.setSecureContext(ca === undefined ? { cert, key } : { cert, key, ca });
  }
}

function openHttpServer(options: ProxyServerOptions): Server {
  const server = openServer(options.engine, {
    maxHeaderSize: options.headerBytes,
    connectionsCheckingInterval: checkTimeoutsEveryMs,
    insecureHTTPParser: false,
    // A missing Host is refused like everything else that is ambiguous, with a body that says so.
    requireHostHeader: false,
    // Node gives a client two minutes to begin with TLS.
    handshakeTimeout: options.headersTimeoutMs,
    http2: options.http2,
    ...options.tls,
  });
  // Node drops what goes beyond in silence: one more than is allowed, so that it shows.
  server.maxHeadersCount = maxHeaderLines + 1;
  return server;
}

function refuseConnect(gate: Gate, request: IncomingMessage, socket: Duplex): void {
  socket.on("error", () => socket.destroy());
  refuse(gate, beginVisit(gate, request), socket, "request_ambiguous");
}

/** What never became a request: Node's parser or one of the time limits gave it up. */
function answerClientError(gate: Gate, error: NodeJS.ErrnoException, socket: Socket): void {
  const state = stateOf(socket);
  if (isHandshake(error.code)) {
    // It speaks no TLS, or not yet: whatever it were answered would wait for that.
    recordUnread(gate, reasonOf(error.code), {
      peer: gate.readPeer(socket).address,
      cause: error.code,
    });
    socket.destroy();
    return;
  }
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  if (state === "answering") {
    // It does not count, and the connection ends with the answer in progress.
    if (error.code === behindLastRequest) return;
    // In the middle of a body: the request that waits for the rest answers.
    if (error.code === requestTimeout && lineOf(socket).current?.stall() === true) return;
    closeBehindAnswer(socket);
    return;
  }
  if (state === "ending") return;
  refuseUnread(gate, socket, reasonOf(error.code), error.code);
}

/** Whether TLS did not come about. */
function isHandshake(code: string | undefined): boolean {
  return code === handshakeTimeout || code?.startsWith("ERR_SSL_") === true;
}

function reasonOf(code: string | undefined): RefusalReason {
  if (code === "HPE_HEADER_OVERFLOW") return "request_too_large";
  if (code === requestTimeout || code === handshakeTimeout) return "request_timeout";
  return "request_ambiguous";
}
