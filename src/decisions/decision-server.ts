import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server as NetServer, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { Forwarding } from "../gateway/forwarding.ts";
import { maxHeaderLines } from "../gateway/framing.ts";
import { beginVisit, type Reception } from "../gateway/visit.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import { answerQuestion } from "./answer-question.ts";
import { limitAskers, maxStrangers } from "./askers.ts";
import { maxHandshakes } from "./handshakes.ts";
import { type QuestionForm, readOriginal } from "./original-request.ts";

/** What questions are answered by; a reload puts another in its place. */
export interface DecisionGate extends Forwarding, Reception {
  /** Whether it is a gateway that may ask. */
  readonly mayAsk: (socket: Socket) => boolean;
  /** How HTTP says which request is meant; Envoy's gRPC says it in its messages. */
  readonly question: QuestionForm;
  /** The longest head of a client's request, in bytes. */
  readonly headerBytes: number;
}

/** Why a question is not answered: by whom it comes, or what it says. */
export type QuestionRefusal = "gateway" | "question";

/** The limits on what gateways may take, and who is told. */
export interface DecisionServerOptions {
  /** The longest head of a request that is asked about, in bytes. */
  readonly headerBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  readonly tls: DecisionTls | undefined;
  /** Whether gateways are to leave: every answer closes its connection then. */
  readonly isLeaving: () => boolean;
  /** Told of each question that is not answered, and why. */
  readonly onRefused: (refusal: QuestionRefusal, peer: string, why: string) => void;
  readonly onUncaught: ReportUncaught;
}

const malformed = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/** What gateways are shown, and the authorities of their own certificates; PEM. */
export interface DecisionTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Undefined: gateways need no certificate. */
  readonly clientCa: Buffer | undefined;
}

/** The options of Node for it: a gateway without a certificate of the authorities gets no connection. */
export function tlsOptions({ cert, key, clientCa }: DecisionTls) {
  if (clientCa === undefined) return { cert, key };
  return { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: true };
}

/** Connections that are no gateway's, or not known to be one's yet. */
const placesOfOthers = maxStrangers + maxHandshakes;

/** What a gateway adds to the head that it has received. */
const addedBytes = 2048;

/**
 * Makes the server that gateways ask whether a request may pass; it does not listen yet. Whatever the path of a
 * question is, unless `question` is `same`: 2xx means yes.
 */
export function createDecisionServer(
  current: () => DecisionGate | undefined,
  options: DecisionServerOptions,
): Server {
  const server = openServer(options);
  adjustDecisionServer(server, options);
  // Node drops what goes beyond in silence: one more than is allowed, so that it shows.
  server.maxHeadersCount = maxHeaderLines + 1;
  const begin = limitAskers(server, {
    mayAsk: (socket) => current()?.mayAsk(socket) === true,
    maxConnections: () => server.maxConnections - placesOfOthers,
    onCrowded: (peer, why) => options.onRefused("gateway", peer, why),
  });
  const handle = (question: IncomingMessage, response: ServerResponse) => {
    if (!begin(question.socket, response)) return;
    const { isLeaving } = options;
    if (isLeaving()) response.shouldKeepAlive = false;
    const gate = current();
    const peer = question.socket.remoteAddress ?? "unknown";
    const refuse = (refusal: QuestionRefusal, status: number, why: string) => {
      options.onRefused(refusal, peer, why);
      sendRefusal(response, status, { error: `${refusal}_refused`, message: why });
    };
    if (gate?.mayAsk(question.socket) !== true) {
      return refuse("gateway", 403, `${peer} is not in decisions.gateways`);
    }
    const original = readOriginal(question, gate.question);
    if (original.kind === "unreadable") return refuse("question", 400, original.why);
    answerQuestion(gate, { visit: beginVisit(gate, original.request), response, isLeaving });
  };
  const guarded = (question: IncomingMessage, response: ServerResponse) => {
    try {
      handle(question, response);
    } catch (error) {
      options.onUncaught("decisions", error);
      question.socket.destroy();
    }
  };
  server.on("request", guarded);
  // The body of the request that is asked about stays with the gateway.
  server.on("checkContinue", guarded);
  server.on("checkExpectation", guarded);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code !== "ECONNRESET") {
      options.onRefused("question", socket.remoteAddress ?? "unknown", error.code ?? "malformed");
    }
    if (!socket.writable) return void socket.destroy();
    // Whether or not the other side closes, too.
    socket.end(malformed, () => socket.destroy());
  });
  server.on("error", (error) => options.onUncaught("decisions", error));
  return server;
}

function openServer({
  headerBytes,
  headersTimeoutMs,
  tls,
  onRefused,
}: DecisionServerOptions): Server {
  const http = {
    maxHeaderSize: headerBytes + addedBytes,
    connectionsCheckingInterval: 1000,
    insecureHTTPParser: false,
    requireHostHeader: false,
  };
  if (tls === undefined) return createServer(http);
  const server = createTlsServer({
    ...http,
    ...tlsOptions(tls),
    handshakeTimeout: headersTimeoutMs,
  });
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    tellNoTls(onRefused, error, socket.remoteAddress);
    socket.destroy();
  });
  return server;
}

/** Tells that a peer has not come as far as TLS. */
export function tellNoTls(
  onRefused: DecisionServerOptions["onRefused"],
  { code, message }: NodeJS.ErrnoException,
  peer = "unknown",
): void {
  onRefused("gateway", peer, `it has not come to TLS (${code ?? message})`);
}

/** Sets what can be set while the server runs: everything but `headerBytes`, and whether there is TLS. */
export function adjustDecisionServer(
  server: Server,
  options: Pick<
    DecisionServerOptions,
    "headersTimeoutMs" | "requestTimeoutMs" | "idleTimeoutMs" | "maxConnections" | "tls"
  >,
): void {
  server.headersTimeout = options.headersTimeoutMs;
  server.requestTimeout = options.requestTimeoutMs;
  server.keepAliveTimeout = options.idleTimeoutMs;
  server.maxConnections = options.maxConnections + placesOfOthers;
  if (options.tls) renewTls(server, options.tls);
}

/** Has new connections be shown a certificate that has changed. */
export function renewTls(server: NetServer, tls: DecisionTls): void {
  if (server instanceof TlsServer) server.setSecureContext(tlsOptions(tls));
}

function sendRefusal(response: ServerResponse, status: number, body: Record<string, string>): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, {
      ...{ "Content-Type": "application/json", "Cache-Control": "no-store" },
      "Content-Length": Buffer.byteLength(text),
    })
    .end(text);
}
