import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { eachField, type FieldLines } from "../http/field-lines.ts";
import type { Answer, AnswerHead } from "./answer.ts";
import { atEndOfTurn } from "./end-of-turn.ts";
import { sendWhole } from "./http-messages.ts";
import { writeInterim } from "./interim.ts";
import { unsentBytes } from "./unsent-bytes.ts";
import { type PreparedAnswer, textOf, type WholeAnswer } from "./whole-answers.ts";

/** A connection on which answers can be sent past Node's responses. */
export interface DirectConnection {
  readonly socket: Socket;
  /** For how long, in milliseconds, clients are told that it is kept; 0: they are not told. */
  readonly keptMs: number;
  /** Has Node make its response to a request, and attach it to the answer, before it returns. */
  giveToNode(answer: Http1Answer): void;
  /** The answer has been sent. */
  onSent(answer: Http1Answer): void;
}

/**
 * The answer to one request of HTTP/1.0 or 1.1. Most are there as a whole, and are sent in one write (`sendWhole`). For all
 * else there is Node's response (`stream`), which on most connections is made only when it is asked for: it
 * and what the server does for it are a tenth of what a refusal costs (decision 0022).
 */
export class Http1Answer implements Answer {
  readonly request: IncomingMessage;
  /** Set as long as Node has made no response. */
  #connection: DirectConnection | undefined;
  #response: ServerResponse | undefined;
  /** What leaves at the end of the turn. */
  #text: string | undefined;
  #status = 200;
  #sent = false;
  #keepsConnection = true;
  #onClose: (() => void) | undefined;
  #onStall: (() => void) | undefined;
  stalled = false;

  /** By way of a response that is there, or of a connection that can do without. */
  constructor(request: IncomingMessage, way: ServerResponse | DirectConnection) {
    this.request = request;
    if ("giveToNode" in way) this.#connection = way;
    else this.#response = way;
  }

  get status(): number {
    return this.#response?.statusCode ?? this.#status;
  }

  /** Three digits, whatever they mean. */
  get maxStatus(): number {
    return 999;
  }

  get begun(): boolean {
    return this.#response?.headersSent ?? (this.#sent || this.#text !== undefined);
  }

  /** Whether it is there, and leaves at the end of the turn. */
  get isDue(): boolean {
    return this.#text !== undefined;
  }

  get finished(): boolean {
    return this.#response?.writableFinished ?? this.#sent;
  }

  get gone(): boolean {
    return this.#response?.destroyed ?? this.request.socket.destroyed;
  }

  /** Whether the connection is kept behind it. */
  get keepsConnection(): boolean {
    return this.#response?.shouldKeepAlive ?? this.#keepsConnection;
  }

  /** Nothing: no other client can want it. */
  keepPlace(): void {}

  /** Nothing: what may pause so is a call of gRPC, which no request of HTTP/1.1 is. */
  allowPauses(): void {}

  endConnection(): void {
    this.#keepsConnection = false;
    if (this.#response !== undefined) this.#response.shouldKeepAlive = false;
  }

  onClose(listener: () => void): void {
    if (this.#response !== undefined) {
      this.#response.once("close", listener);
      return;
    }
    const before = this.#onClose;
    // Only of several: V8 takes a function that is made for a property for one that will be there for long.
    this.#onClose =
      before === undefined
        ? listener
        : () => {
            before();
            listener();
          };
  }

  onStall(listener: () => void): void {
    this.#onStall = listener;
  }

  /** The client has stopped in the middle of its request. False: no one can answer that any more. */
  stall(): boolean {
    if (this.begun || this.#onStall === undefined) return false;
    this.#onStall();
    return true;
  }

  /** Node's response, for what is not sent as a whole. */
  get stream(): ServerResponse {
    this.#connection?.giveToNode(this);
    if (this.#response === undefined) throw new Error("Node has made no response");
    return this.#response;
  }

  get unsent(): string | undefined {
    return unsentBytes(this.request.socket);
  }

  get needsDrain(): boolean {
    return this.stream.writableNeedDrain;
  }

  onDrain(listener: () => void): void {
    this.stream.once("drain", listener);
  }

  sendContinue(): void {
    this.stream.writeContinue();
  }

  /** Requests of one connection are answered one after the other, so the line is free. */
  sendInterim(head: AnswerHead): void {
    writeInterim(this.request.socket, head);
  }

  sendHead({ status, reason, headers }: AnswerHead): void {
    this.stream.writeHead(status, reason, [...headers]);
  }

  write(chunk: Buffer): void {
    this.stream.write(chunk);
  }

  end(trailers: FieldLines): void {
    const { stream } = this;
    if (trailers.length > 0) stream.addTrailers([...eachField(trailers)]);
    stream.end();
  }

  breakOff(): void {
    const { stream } = this;
    const { socket } = stream;
    // Where the end of the connection is the end of the body (HTTP/1.0), only a reset says "broken". (One
    // that is about to be ended, because the client has left, can't be reset: Node would leak its handle.)
    const canReset = socket !== null && !("encrypted" in socket) && !socket.writableEnded;
    if (canReset) socket.resetAndDestroy();
    else stream.destroy();
  }

  abandon(): void {
    this.request.socket.destroy();
  }

  /** A reset: what its client did not take would stay in the system's memory otherwise. (TLS knows none.) */
  giveUp(): void {
    this.stalled = true;
    const { socket } = this.request;
    if ("encrypted" in socket) socket.destroy();
    else socket.resetAndDestroy();
  }

  /** Takes the response that Node has made. */
  attach(response: ServerResponse): void {
    this.#connection = undefined;
    this.#response = response;
    if (!this.#keepsConnection) response.shouldKeepAlive = false;
    if (this.#onClose !== undefined) response.once("close", this.#onClose);
  }

  sendWhole(whole: WholeAnswer): void {
    const way = this.#directWay;
    const text = way && textOf(whole, this.request.method, way.keptMs);
    if (text === undefined) sendWhole(this.stream, whole);
    else this.#sendText(whole.status, text);
  }

  sendPrepared(prepared: PreparedAnswer, more: FieldLines): void {
    const way = this.#directWay;
    if (way === undefined) sendWhole(this.stream, prepared.with(more));
    else this.#sendText(prepared.status, prepared.textWith(more, this.request.method, way.keptMs));
  }

  /** Set if it can be sent without a response of Node's, which knows how to end connections. */
  get #directWay(): DirectConnection | undefined {
    return this.#keepsConnection ? this.#connection : undefined;
  }

  #sendText(status: number, text: string): void {
    this.#status = status;
    this.#text = text;
    atEndOfTurn(() => this.flush());
  }

  /** Sends at once what would leave at the end of the turn. */
  flush(): void {
    const text = this.#text;
    if (text === undefined || this.#connection === undefined) return;
    const { socket } = this.#connection;
    this.#text = undefined;
    // The client may have left since.
    if (!socket.writable) return;
    socket.write(text, "latin1");
    this.#sent = true;
    this.#connection.onSent(this);
  }

  /** The connection has been closed; Node's response hears of it by itself. */
  onConnectionClosed(): void {
    if (this.#response === undefined) this.#onClose?.();
  }
}
