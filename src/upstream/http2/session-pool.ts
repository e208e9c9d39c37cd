import { type ClientHttp2Session, connect } from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { blockBytes } from "../../http/http2-fields.ts";
import { keepSession } from "../../node-http/http2/keep-session.ts";
import type { ApplicationPool } from "../application-pool.ts";
import { beginToConnect, type ConnectingOptions, shutDown } from "../connecting.ts";
import type { Exchange } from "../http1/exchange.ts";
import { RequestQueue, type RequestQueueOptions } from "../http1/request-queue.ts";
import { UpstreamError } from "../upstream-error.ts";
import { CarriedStream, type StreamLimits, type StreamOwner } from "./carried-stream.ts";

/** How connections to the application are made and kept. */
export interface SessionPoolOptions extends RequestQueueOptions, ConnectingOptions, StreamLimits {
  readonly scheme: "http" | "https";
  readonly maxConnections: number;
  /** How long a connection is kept without work. */
  readonly idleMs: number;
}

/** Header lines of a response at most, its trailers apart. */
const maxLines = 1024;
/** Streams that a connection carries until the application has said how many it bears. */
const defaultStreams = 100;

/** The connections to the application that speak HTTP/2: a request goes over one with a free stream, a new one, or waits. */
export class SessionPool implements ApplicationPool {
  readonly responseTimeoutMs: number;
  readonly #options: SessionPoolOptions;
  readonly #sessions = new Set<Pooled>();
  readonly #waiting: RequestQueue;
  #connecting: Socket | undefined;
  #closing: (() => void) | undefined;
  #destroyed = false;

  constructor(options: SessionPoolOptions) {
    this.#options = options;
    this.responseTimeoutMs = options.responseTimeoutMs;
    this.#waiting = new RequestQueue(options);
  }

  get connections(): number {
    return this.#sessions.size + (this.#connecting === undefined ? 0 : 1);
  }

  get queued(): number {
    return this.#waiting.length;
  }

  carry(exchange: Exchange): void {
    if (this.#destroyed) {
      exchange.onError(shutDown(), false);
      return;
    }
    const free = this.#free();
    if (free !== undefined) {
      free.carry(exchange);
      return;
    }
    this.#waiting.add(exchange);
    this.#connectIfNeeded();
  }

  withdraw(exchange: Exchange): boolean {
    const waited = this.#waiting.withdraw(exchange);
    if (waited) this.#closeWhenDone();
    return waited;
  }

  closeIdle(): void {
    for (const pooled of this.#sessions) if (pooled.streams === 0) pooled.session.close();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closing = resolve;
      for (const { session } of this.#sessions) session.close();
      this.#closeWhenDone();
    });
  }

  destroy(): void {
    this.#destroyed = true;
    this.#waiting.failAll(shutDown());
    this.#connecting?.destroy();
    for (const { session } of this.#sessions) session.destroy();
  }

  #free(): Pooled | undefined {
    for (const pooled of this.#sessions) if (pooled.isFree) return pooled;
    return undefined;
  }

  /** One at a time: it carries many requests. */
  #connectIfNeeded(): void {
    if (this.#connecting !== undefined || this.#waiting.length === 0) return;
    if (this.#sessions.size >= this.#options.maxConnections) return;
    this.#connecting = beginToConnect(this.#options, {
      onConnected: (socket) => {
        this.#connecting = undefined;
        if (!(socket instanceof TLSSocket) || socket.alpnProtocol === "h2") {
          this.#add(socket);
          return;
        }
        socket.on("error", () => {}).destroy();
        this.#failWaiting(new UpstreamError("malformed", "the application does not offer HTTP/2"));
      },
      onFailed: (error) => {
        this.#connecting = undefined;
        this.#failWaiting(error);
      },
    });
  }

  /** All that wait would meet the same. */
  #failWaiting(error: Error): void {
    this.#waiting.failAll(error);
    this.#closeWhenDone();
  }

  #add(socket: Socket): void {
    const { scheme, headBytes, idleMs } = this.#options;
    const session = connect(`${scheme}://application`, {
      createConnection: () => socket,
      maxHeaderListPairs: maxLines,
      maxSendHeaderBlockLength: blockBytes(headBytes),
      settings: { enablePush: false, maxHeaderListSize: headBytes + 32 * maxLines },
    });
    keepSession(session);
    const pooled = new Pooled(session, this.#options, () => this.#serveWaiting());
    this.#sessions.add(pooled);
    session.on("error", () => {});
    session.setTimeout(idleMs, () => {
      if (pooled.streams === 0) session.close();
    });
    session.on("remoteSettings", () => this.#serveWaiting());
    session.on("close", () => {
      this.#sessions.delete(pooled);
      this.#connectIfNeeded();
      this.#closeWhenDone();
    });
    this.#serveWaiting();
  }

  #serveWaiting(): void {
    for (let free = this.#free(); free !== undefined; free = this.#free()) {
      const next = this.#waiting.take();
      if (next === undefined) break;
      free.carry(next);
    }
    if (this.#closing !== undefined && this.#waiting.length === 0) {
      for (const { session } of this.#sessions) session.close();
    }
    this.#connectIfNeeded();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#closing === undefined || this.connections > 0 || this.#waiting.length > 0) return;
    this.#closing();
  }
}

/** A connection, and how many requests it carries. */
class Pooled implements StreamOwner {
  readonly session: ClientHttp2Session;
  streams = 0;
  readonly scheme: string;
  readonly headBytes: number;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly #onFree: () => void;

  constructor(session: ClientHttp2Session, options: SessionPoolOptions, onFree: () => void) {
    this.session = session;
    this.scheme = options.scheme;
    this.headBytes = options.headBytes;
    this.responseTimeoutMs = options.responseTimeoutMs;
    this.idleTimeoutMs = options.idleTimeoutMs;
    this.#onFree = onFree;
  }

  get isFree(): boolean {
    const { closed, destroyed, remoteSettings } = this.session;
    const max = remoteSettings?.maxConcurrentStreams ?? defaultStreams;
    return !closed && !destroyed && this.streams < max;
  }

  carry(exchange: Exchange): void {
    this.streams += 1;
    if (!new CarriedStream(exchange, this).begin(this.session)) this.streams -= 1;
  }

  onClosed(): void {
    this.streams -= 1;
    this.#onFree();
  }

  onLate(): void {
    this.session.close();
  }
}
