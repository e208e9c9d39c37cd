import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Server as NetServer, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { Forwarding } from "../gateway/forwarding.ts";
import { maxHeaderLines } from "../gateway/framing.ts";
import { beginVisit, type Reception } from "../gateway/visit.ts";
import type { Answer } from "../node-http/answer.ts";
import { dropReadAhead } from "../node-http/drop-read-ahead.ts";
import { answerRequests, type Engine, endBehindUpgrades, openServer } from "../node-http/engine.ts";
import { closeBehindAnswer, stateOf } from "../node-http/in-order.ts";
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
  readonly engine: Engine;
  /** The longest head of a request that is asked about, in bytes. */
  readonly headerBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  readonly tls: DecisionTls | undefined;
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
/** Gateways wait for an answer before they ask anew; each question that is sent ahead costs more than its bytes. */
const maxWaiting = 3;

/**
 * Makes the server that gateways ask whether a request may pass; it does not listen yet. Whatever the path of a
 * question is, unless `question` is `same`: 2xx means yes.
 */
export function createDecisionServer(
  current: () => DecisionGate | undefined,
  options: DecisionServerOptions,
): Server {
  const server = openQuestionServer(options);
  adjustDecisionServer(server, options);
  // Node drops what goes beyond in silence: one more than is allowed, so that it shows.
  server.maxHeadersCount = maxHeaderLines + 1;
  const onCrowded = (peer: string, why: string) => options.onRefused("gateway", peer, why);
  limitAskers(server, {
    mayAsk: (socket) => current()?.mayAsk(socket) === true,
    maxConnections: () => server.maxConnections - placesOfOthers,
    onCrowded,
  });
  const handle = (question: IncomingMessage, answer: Answer) => {
    const { socket } = question;
    const gate = current();
    if (gate?.mayAsk(socket) !== true) return refuseStranger(options, socket, answer);
    const original = readOriginal(question, gate.question);
    if (original.kind === "read") {
      return answerQuestion(gate, { visit: beginVisit(gate, original.request), to: answer });
    }
    options.onRefused("question", addressOf(socket), original.why);
    sendRefusal(answer, 400, { error: "question_refused", message: original.why });
  };
  const guarded = (question: IncomingMessage, answer: Answer) => {
    try {
      handle(question, answer);
    } catch (error) {
      options.onUncaught("decisions", error);
      question.socket.destroy();
    }
  };
  answerRequests(server, options.engine, endBehindUpgrades(guarded), {
    maxWaiting,
    onMore(socket) {
      onCrowded(addressOf(socket), "too many questions at once");
      dropReadAhead(socket);
      socket.destroy();
    },
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code !== "ECONNRESET") {
      options.onRefused("question", socket.remoteAddress ?? "unknown", error.code ?? "malformed");
    }
    if (!socket.writable) return void socket.destroy();
    // Two answers in place of one would have the gateway take the second for that to its next question.
    if (stateOf(socket) !== "free") return closeBehindAnswer(socket);
    // Whether or not the other side closes, too.
    socket.end(malformed, () => socket.destroy());
  });
  server.on("error", (error) => options.onUncaught("decisions", error));
  return server;
}

function openQuestionServer({
  engine,
  headerBytes,
  headersTimeoutMs,
  tls,
  onRefused,
}: DecisionServerOptions): Server {
  const server = openServer(engine, {
    maxHeaderSize: headerBytes + addedBytes,
    connectionsCheckingInterval: 1000,
    insecureHTTPParser: false,
    requireHostHeader: false,
    handshakeTimeout: headersTimeoutMs,
    // A WebSocket's handshake is a question like any other.
    upgrades: "no",
    ...(tls && tlsOptions(tls)),
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

/** Tells a peer that it may not ask, once a connection. */
function refuseStranger({ onRefused }: DecisionServerOptions, socket: Socket, answer: Answer) {
  const peer = addressOf(socket);
  const why = `${peer} is not in decisions.gateways`;
  onRefused("gateway", peer, why);
  answer.endConnection();
  dropReadAhead(socket);
  sendRefusal(answer, 403, { error: "gateway_refused", message: why });
}

function sendRefusal(answer: Answer, status: number, json: Record<string, string>): void {
  const body = Buffer.from(JSON.stringify(json)).toString("latin1");
  const headers = [
    ...["Content-Type", "application/json", "Cache-Control", "no-store"],
    ...["Content-Length", String(body.length)],
  ];
  answer.sendWhole({ status, reason: STATUS_CODES[status] ?? "", headers, body });
}

function addressOf({ remoteAddress }: Socket): string {
  return remoteAddress ?? "unknown";
}
