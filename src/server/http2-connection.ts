import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { FrameBudget } from "../node-http/http2/frame-budget.ts";
import { unsentBytes } from "../node-http/unsent-bytes.ts";
import type { Http2Fault } from "../observability/metrics/requests.ts";
import type { Standing } from "./connection-places.ts";
import { StopProbe } from "./http2-stop-probe.ts";
import type { Stall } from "./stalled-clients.ts";
import { type Http2Exchange, type RequestLimits, WatchedRequest } from "./watched-request.ts";

/** What a client of HTTP/2 may take. */
export interface Http2Limits extends RequestLimits {
  /** Requests in progress on one connection. */
  readonly streams: number;
  /** Connections of clients, and requests in progress on all of those that speak HTTP/2. */
  readonly maxConnections: number;
  /** The longest head of a request, in bytes. */
  readonly headerBytes: number;
}

/** Who is told. */
interface Told {
  onStall(stall: Stall): void;
  onFault(fault: Http2Fault, socket: Socket, cause: string): void;
}

/** Requests that a client may break off at once, and how many more each second. */
const [maxResets, resetsPerSecond] = [200, 50];

/**
 * A client's connection of HTTP/2, and what its client stopped doing or does too much of. All of it is looked at
 * once a second, as on connections of HTTP/1.1.
 */
export class Http2Connection {
  readonly socket: Socket;
  readonly #session: ServerHttp2Session;
  readonly #told: Told;
  readonly #streams = new Set<WatchedRequest>();
  readonly #frames: FrameBudget;
  readonly #probe: StopProbe;
  #greeted = false;
  #idleSinceMs = performance.now();
  #resets = 0;
  #checkedMs = performance.now();

  constructor(session: ServerHttp2Session, socket: Socket, told: Told) {
    this.#session = session;
    this.socket = socket;
    this.#told = told;
    this.#frames = new FrameBudget(socket);
    this.#probe = new StopProbe(session, socket);
    session.once("remoteSettings", () => {
      this.#greeted = true;
    });
    session.on("error", (error: NodeJS.ErrnoException) => {
      const { code = "" } = error;
      if (code.startsWith("ERR_HTTP2_")) this.fault("protocol", error.message);
    });
  }

  /** Takes note of bytes that are of use. */
  count(bytes: number): void {
    this.#frames.useful += bytes;
  }

  /** Takes note of a request's head. */
  countHead(fields: readonly string[]): void {
    this.#frames.countHead(fields);
  }

  /** Takes note of a request. */
  add(stream: ServerHttp2Stream, exchange: Http2Exchange): WatchedRequest {
    const watched = new WatchedRequest(exchange);
    this.#streams.add(watched);
    this.countHead(exchange.request.rawHeaders);
    stream.once("close", () => {
      this.#streams.delete(watched);
      if (this.#streams.size === 0) this.#idleSinceMs = performance.now();
      const { answer } = exchange;
      if (!answer.finished && !answer.brokenOff) this.countReset();
    });
    return watched;
  }

  /** What it is open for. */
  get standing(): Standing {
    if (this.#streams.size === 0) return "idle";
    for (const watched of this.#streams) if (!watched.isKeptByClient) return "work";
    return "client";
  }

  /** Closes it, whatever is in progress. */
  end(): void {
    this.#session.destroy();
    if (this.#probe.stopped) this.socket.destroy();
  }

  /** Tells what the client did. */
  fault(fault: Http2Fault, cause: string): void {
    this.#told.onFault(fault, this.socket, cause);
  }

  /**
   * Takes note of a request that was refused, or ended for another client's, because its network has the most. It counts as
   * broken off by this connection unless a proxy shares that among clients: one of them is not to end it for all.
   */
  crowd(cause: string, isShared: boolean): void {
    this.fault("crowded", cause);
    if (!isShared) this.countReset();
  }

  /** Takes no more requests, and closes when those in progress have been answered. */
  leave(): void {
    if (!this.#session.closed) this.#session.close();
  }

  /** Gives up what stands still, and cuts a client that keeps revgate busy with nothing. */
  check(nowMs: number, limits: Http2Limits): void {
    const seconds = (nowMs - this.#checkedMs) / 1000;
    this.#checkedMs = nowMs;
    this.#resets = Math.max(0, this.#resets - seconds * resetsPerSecond);
    if (this.#frames.isSpent(seconds)) {
      this.#cut("flood", "too many frames that carry nothing");
      return;
    }
    if (this.#probe.hasStopped()) {
      this.#cut("protocol", "the connection was given up because of its frames");
      return;
    }
    const isBlocked = unsentBytes(this.socket) !== undefined;
    for (const watched of [...this.#streams]) {
      const stall = watched.stallAt(nowMs, limits, isBlocked);
      if (stall === undefined) continue;
      this.#told.onStall(stall);
      watched.giveUp(stall);
    }
    if (this.#streams.size === 0) this.#closeIfIdle(nowMs, limits);
  }

  #closeIfIdle(nowMs: number, limits: Http2Limits): void {
    const maxMs = this.#greeted ? limits.idleTimeoutMs : limits.headersTimeoutMs;
    const idleMs = nowMs - this.#idleSinceMs;
    if (maxMs === 0 || idleMs < maxMs) return;
    // A client that takes nothing does not take the end either.
    if (!this.#session.closed) this.leave();
    else if (idleMs >= 2 * maxMs) this.socket.destroy();
  }

  /** Takes note of a request that ended before its answer, by the client or because of its frames. */
  countReset(): void {
    this.#resets += 1;
    if (this.#resets > maxResets) this.#cut("resets", "too many requests were broken off");
  }

  #cut(fault: Http2Fault, cause: string): void {
    if (this.#session.destroyed) return;
    this.fault(fault, cause);
    // With an error to destroy() it would count as a mistake of the protocol, too.
    this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.end();
  }
}
