import type { Socket } from "node:net";
import type { FieldLines } from "../../http/field-lines.ts";
import { atEndOfTurn } from "../../node-http/end-of-turn.ts";
import { outliveWriteErrors } from "../../node-http/write-errors.ts";
import { UpstreamError } from "../upstream-error.ts";
import { writeBodyEnd, writeBodyPart } from "./body-writer.ts";
import type { Carrier, Exchange } from "./exchange.ts";
import type { ResponseEvents, ResponseHead } from "./response-events.ts";
import { ResponseParser } from "./response-parser.ts";
import { WaitClock } from "./wait-clock.ts";

/** Who gives a connection its work. */
export interface ConnectionOwner {
  /** The longest response head, in bytes. */
  readonly headBytes: number;
  /** From the request being sent to the head of the response. */
  readonly responseTimeoutMs: number;
  /** Between two parts of the body. */
  readonly idleTimeoutMs: number;
  /** The connection can carry the next exchange. */
  onFree(connection: Connection): void;
  /** The connection is gone. Told once, after the exchange that it carried. */
  onClosed(connection: Connection): void;
}

const none: FieldLines = [];
/** The application may close just as the next request is sent: it is not kept to its last second. */
const marginMs = 1000;
/** How an error says that the other side has closed. */
const closings = new Set(["closed", "ECONNRESET", "EPIPE"]);

/**
 * An open connection to the application, which carries one exchange after the other.
 *
 * It goes back to its owner only when the response is whole, nothing came behind it, the request was sent
 * in full and both sides want to go on; in all other cases it is closed.
 */
export class Connection implements Carrier, ResponseEvents {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #parser: ResponseParser;
  readonly #clock: WaitClock;
  #exchange: Exchange | undefined;
  /** Whether it has carried a request, or has waited for one: it may have been closed meanwhile. */
  #mayBeStale = false;
  /** Whether a byte has come since the request was sent. */
  #answered = false;
  /** What is received next. */
  #awaited: "head" | "part of a body" = "head";
  #requestSent = true;
  #outlivesWriteErrors = false;

  /** Takes over a socket that is connected. */
  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#parser = new ResponseParser(owner.headBytes);
    this.#clock = new WaitClock(() => this.#fail(this.#timeout()));
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("drain", () => this.#onDrain());
    socket.on("end", () => this.#receiveEnd());
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#closed());
  }

  /** Whether anything can still be sent. One that has been closed is told of only a little later. */
  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** What it carries. */
  get exchange(): Exchange | undefined {
    return this.#exchange;
  }

  /** For how long, in milliseconds, it can be kept without work; the other side may ask for less than `maxMs`. */
  idleMs(maxMs: number): number {
    const { keepAliveSeconds } = this.#parser;
    return keepAliveSeconds === undefined
      ? maxMs
      : Math.min(maxMs, keepAliveSeconds * 1000 - marginMs);
  }

  /** Is kept without work. */
  rest(): void {
    this.#mayBeStale = true;
  }

  /** Sends the request. Only for a connection that is free. */
  carry(exchange: Exchange): void {
    if (!exchange.onConnection(this)) {
      this.#owner.onFree(this);
      return;
    }
    this.#exchange = exchange;
    this.#answered = false;
    this.#awaited = "head";
    this.#requestSent = exchange.body === "none";
    if (exchange.body === "none") {
      atEndOfTurn(() => this.#sendHead(exchange));
    } else {
      this.#hearEarlyAnswers();
      this.#sendHead(exchange);
      exchange.sendBody(this);
    }
  }

  writeBody(chunk: Buffer): boolean {
    const keepsUp = writeBodyPart(this.#socket, this.#exchange?.body, chunk);
    // Now it is the application that is waited for.
    if (!keepsUp && this.#awaited === "head") this.#clock.begin(this.#owner.responseTimeoutMs);
    return keepsUp;
  }

  endBody(trailers: FieldLines = none): void {
    writeBodyEnd(this.#socket, this.#exchange?.body, trailers);
    this.#requestSent = true;
    if (this.#awaited === "head") this.#clock.begin(this.#owner.responseTimeoutMs);
  }

  pause(): void {
    this.#socket.pause();
    this.#clock.end();
  }

  resume(): void {
    this.#socket.resume();
    this.#awaitPart();
  }

  abort(): void {
    this.#exchange = undefined;
    this.#socket.destroy();
  }

  onHead(head: ResponseHead, more: boolean): void {
    if (head.status >= 200) {
      this.#clock.end();
      this.#awaited = "part of a body";
    } else if (this.#requestSent) this.#clock.begin(this.#owner.responseTimeoutMs);
    this.#exchange?.onHead(head, more);
  }

  onWhole(body: string): void {
    this.#letGo()?.onWhole(body);
  }

  onData(chunk: Buffer): void {
    this.#exchange?.onData(chunk);
  }

  onEnd(trailers: FieldLines): void {
    this.#letGo()?.onEnd(trailers);
  }

  #sendHead(exchange: Exchange): void {
    // It may have been given up since, or the connection lost.
    if (this.#socket.destroyed) return;
    this.#parser.expect(exchange.method, this);
    this.#socket.write(exchange.head, "latin1");
    // Until its body is sent, it is the client that is waited for.
    if (this.#requestSent) this.#clock.begin(this.#owner.responseTimeoutMs);
  }

  #onDrain(): void {
    if (!this.#requestSent && this.#awaited === "head") this.#clock.end();
    this.#exchange?.onDrain();
  }

  /** An application may answer before it has read the body, and close: then its answer is still there to read. */
  #hearEarlyAnswers(): void {
    if (this.#outlivesWriteErrors) return;
    this.#outlivesWriteErrors = true;
    outliveWriteErrors(this.#socket, () => {
      if (this.#awaited === "head") this.#clock.begin(this.#owner.responseTimeoutMs);
    });
  }

  #receive(chunk: Buffer): void {
    // What comes before the request has gone out is no answer to it.
    this.#answered = this.#parser.busy;
    try {
      this.#parser.read(chunk);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    // Only here, after all that was received: what follows a response must not become the next one.
    if (!this.#parser.busy) {
      this.#release();
      return;
    }
    this.#awaitPart();
    this.#exchange?.onPartial();
  }

  /** Not while it is this side that takes nothing. */
  #awaitPart(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.streams || this.#awaited === "head") return;
    if (!this.#socket.isPaused()) this.#clock.begin(this.#owner.idleTimeoutMs);
  }

  #receiveEnd(): void {
    try {
      if (this.#exchange !== undefined) this.#parser.close();
      this.#socket.destroy();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #release(): void {
    if (!this.#parser.persistent || !this.#requestSent || this.#socket.destroyed) {
      this.#socket.destroy();
      return;
    }
    this.#mayBeStale = true;
    // Whom it carried may have asked it to wait.
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#owner.onFree(this);
  }

  #fail(error: Error): void {
    const exchange = this.#letGo();
    this.#socket.destroy();
    exchange?.onError(error, this.#wasStale(error));
  }

  /** Whether the other side had given the connection up before it knew of the request. */
  #wasStale(error: Error): boolean {
    if (!this.#mayBeStale || this.#answered) return false;
    const code = "code" in error ? String(error.code) : "";
    return closings.has(code) || !this.#parser.busy;
  }

  /** Carries nothing any more; returns what it carried. */
  #letGo(): Exchange | undefined {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#clock.end();
    return exchange;
  }

  #closed(): void {
    this.#clock.stop();
    this.#fail(new UpstreamError("closed", "the application closed the connection"));
    this.#owner.onClosed(this);
  }

  #timeout(): UpstreamError {
    return this.#awaited === "head"
      ? new UpstreamError("response_timeout", "the application did not answer in time")
      : new UpstreamError("idle_timeout", "the application stopped in the middle of its answer");
  }
}
