import type { Socket } from "node:net";
import type { BodyFraming } from "../../http/field-lines.ts";
import { atEndOfTurn } from "../../node-http/end-of-turn.ts";
import { UpstreamError } from "../upstream-error.ts";
import { type ResponseEvents, type ResponseHead, ResponseParser } from "./response-parser.ts";

/** One request to the application, and who is told of its response. */
export interface Exchange extends ResponseEvents {
  readonly method: string;
  /** The request line and the header section with the empty line behind it; one byte a character. */
  readonly head: string;
  /** How its body is sent, behind the head. */
  readonly body: BodyFraming;
  /** A connection is there, and the head goes out over it next. False: it is not wanted any more. */
  onConnection(connection: Connection): boolean;
  /** The head is on its way, and the body can follow. Not called for one without. */
  sendBody(connection: Connection): void;
  /** More of the body can be written. */
  onDrain(): void;
  /** What was received has been handed over, and the response is not whole yet. */
  onPartial(): void;
  /**
   * No response, or no whole one, will come.
   *
   * `stale`: the connection had served before and was closed under the request without a byte of answer,
   * as happens to one that was idle.
   */
  onError(error: Error, stale: boolean): void;
}

/** Who gives a connection its work. */
export interface ConnectionOwner {
  readonly headBytes: number;
  readonly responseTimeoutMs: number;
  /** The connection can carry the next exchange. */
  onFree(connection: Connection): void;
  /** The connection is gone. Told once, after whoever it carried. */
  onClosed(connection: Connection): void;
}

const lineEnd = Buffer.from("\r\n");
const lastChunk = Buffer.from("0\r\n\r\n");
/** The application may close just as the next request is sent: it is not kept to its last second. */
const marginMs = 1000;

/**
 * An open connection to the application, which carries one exchange after the other.
 *
 * It goes back to its owner only when the response is whole, nothing came behind it, the request was sent
 * in full and both sides want to go on; in all other cases it is closed.
 */
export class Connection implements ResponseEvents {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #parser: ResponseParser;
  #exchange: Exchange | undefined;
  #served = false;
  #answered = false;
  #requestSent = true;
  /** Since when the response head is waited for, in milliseconds of `performance.now()`. */
  #waitingSinceMs: number | undefined;
  /** Runs from the first wait to the last, and looks at the time when it fires: none is set per request. */
  #deadline: NodeJS.Timeout | undefined;

  /** Takes over a socket that is connected. */
  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#parser = new ResponseParser(owner.headBytes);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("drain", () => this.#exchange?.onDrain());
    socket.on("end", () => this.#receiveEnd());
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#closed());
  }

  /** Whether anything can still be sent. One that has been closed is told of only a little later. */
  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** For how long, in milliseconds, it can be kept without work; the other side may ask for less than `mostMs`. */
  idleMs(mostMs: number): number {
    const { keepAliveSeconds } = this.#parser;
    return keepAliveSeconds === undefined
      ? mostMs
      : Math.min(mostMs, keepAliveSeconds * 1000 - marginMs);
  }

  /** Sends the request. Only for a connection that is free. */
  carry(exchange: Exchange): void {
    if (!exchange.onConnection(this)) {
      this.#owner.onFree(this);
      return;
    }
    this.#exchange = exchange;
    this.#answered = false;
    this.#requestSent = exchange.body === "none";
    if (exchange.body === "none") {
      atEndOfTurn(() => this.#sendHead(exchange));
    } else {
      this.#sendHead(exchange);
      exchange.sendBody(this);
    }
  }

  /** Sends a part of the body; false asks to wait for `onDrain`. */
  writeBody(chunk: Buffer): boolean {
    if (this.#waitingSinceMs !== undefined) this.#waitingSinceMs = performance.now();
    if (this.#exchange?.body !== "chunked") return this.#socket.write(chunk);
    if (chunk.length === 0) return true;
    this.#socket.cork();
    this.#socket.write(`${chunk.length.toString(16)}\r\n`, "latin1");
    this.#socket.write(chunk);
    const keepsUp = this.#socket.write(lineEnd);
    this.#socket.uncork();
    return keepsUp;
  }

  /** The body is whole. */
  endBody(): void {
    if (this.#exchange?.body === "chunked") this.#socket.write(lastChunk);
    this.#requestSent = true;
  }

  /** Takes no more of the response from the system; what was received by now is still handed over. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Gives up: the connection is closed, and the exchange is told nothing more. */
  abort(): void {
    this.#exchange = undefined;
    this.#socket.destroy();
  }

  onHead(head: ResponseHead, more: boolean): void {
    this.#waitingSinceMs = head.status < 200 ? performance.now() : undefined;
    this.#exchange?.onHead(head, more);
  }

  onWhole(body: string): void {
    this.#letGo()?.onWhole(body);
  }

  onData(chunk: Buffer): void {
    this.#exchange?.onData(chunk);
  }

  onEnd(trailers: readonly string[]): void {
    this.#letGo()?.onEnd(trailers);
  }

  #sendHead(exchange: Exchange): void {
    // It may have been given up since, or the connection lost.
    if (this.#socket.destroyed) return;
    this.#parser.expect(exchange.method, this);
    this.#socket.write(exchange.head, "latin1");
    this.#awaitHead();
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
    // Only here, behind all that was received: what follows a response must not become the next one.
    if (this.#parser.busy) this.#exchange?.onPartial();
    else this.#release();
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
    this.#served = true;
    // Whom it carried may have asked it to wait.
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#owner.onFree(this);
  }

  #fail(error: Error): void {
    const exchange = this.#letGo();
    this.#socket.destroy();
    exchange?.onError(error, this.#served && !this.#answered);
  }

  /** Carries nothing any more; returns what it carried. */
  #letGo(): Exchange | undefined {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    return exchange;
  }

  #closed(): void {
    clearTimeout(this.#deadline);
    this.#fail(new UpstreamError("closed", "the application closed the connection"));
    this.#owner.onClosed(this);
  }

  #awaitHead(): void {
    this.#waitingSinceMs = performance.now();
    this.#deadline ??= setTimeout(() => this.#checkDeadline(), this.#owner.responseTimeoutMs);
  }

  #checkDeadline(): void {
    this.#deadline = undefined;
    if (this.#waitingSinceMs === undefined || this.#exchange === undefined) return;
    const leftMs = this.#waitingSinceMs + this.#owner.responseTimeoutMs - performance.now();
    if (leftMs > 0) {
      this.#deadline = setTimeout(() => this.#checkDeadline(), Math.ceil(leftMs));
    } else {
      this.#fail(new UpstreamError("response_timeout", "the application did not answer in time"));
    }
  }
}
