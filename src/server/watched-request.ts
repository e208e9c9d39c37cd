import type { Http2Answer } from "../node-http/http2/http2-answer.ts";
import type { Http2Request } from "../node-http/http2/http2-request.ts";
import type { Stall, StallLimits } from "./stalled-clients.ts";

/** One request and its answer. */
export interface Http2Exchange {
  readonly request: Http2Request;
  readonly answer: Http2Answer;
}

/** For how long a client may stand still. */
export interface RequestLimits extends StallLimits {
  readonly requestTimeoutMs: number;
}

/** After this a client that moves nothing is known to stand still, whatever longer time it has. */
const stillMs = 5000;
/** By then an answer that is whole has left, if its client takes it. */
const leftMs = 1000;
/** A client that opens no window for a short answer has this part of `limits.sendTimeout`. */
const shareOfShort = 1 / 10;

/** One request, and since when its client stands still. */
export class WatchedRequest {
  readonly exchange: Http2Exchange;
  readonly #beganMs = performance.now();
  #received = 0;
  #receivedSinceMs = performance.now();
  #unsent = 0;
  #unsentSinceMs = 0;
  #finishedSinceMs: number | undefined;

  constructor(exchange: Http2Exchange) {
    this.exchange = exchange;
  }

  /** Whether its client alone keeps it, with a body to send or an answer to take. */
  get isKeptByClient(): boolean {
    const { request, answer } = this.exchange;
    return answer.unsentBytes > 0 || (request.isAwaited && !answer.mayPause);
  }

  /** Whether its client alone keeps it, and moves nothing. */
  get standsStill(): boolean {
    const nowMs = performance.now();
    const { request, answer } = this.exchange;
    if (answer.isWhole) return nowMs - this.#beganMs >= leftMs;
    const reads = answer.unsentBytes === 0 || answer.unsentBytes !== this.#unsent;
    if (!reads) return nowMs - this.#unsentSinceMs >= stillMs;
    const sends = answer.mayPause || !request.isAwaited || request.received !== this.#received;
    return !sends && nowMs - this.#receivedSinceMs >= stillMs;
  }

  /** Has the request answered if the client does not send the rest of it, or else resets it. */
  giveUp(stall: Stall): void {
    const { answer } = this.exchange;
    if (stall === "sending") answer.stall();
    else answer.giveUp();
  }

  /** What the client has stopped doing for longer than it may; `isBlocked`: its connection takes nothing. */
  stallAt(nowMs: number, limits: RequestLimits, isBlocked: boolean): Stall | undefined {
    if (!this.exchange.answer.finished) {
      if (this.#readsNot(nowMs, limits, isBlocked)) return "reading";
      return this.#sendsNot(nowMs, limits) ? "sending" : undefined;
    }
    this.#finishedSinceMs ??= nowMs;
    return nowMs - this.#finishedSinceMs >= limits.receiveTimeoutMs ? "sending" : undefined;
  }

  #readsNot(nowMs: number, { sendTimeoutMs }: RequestLimits, isBlocked: boolean): boolean {
    const { answer } = this.exchange;
    const unsent = answer.unsentBytes;
    if (unsent === 0 || unsent !== this.#unsent) {
      this.#unsent = unsent;
      this.#unsentSinceMs = nowMs;
      return false;
    }
    const share = answer.isShort && !isBlocked ? shareOfShort : 1;
    return nowMs - this.#unsentSinceMs >= sendTimeoutMs * share;
  }

  #sendsNot(nowMs: number, { receiveTimeoutMs, requestTimeoutMs }: RequestLimits): boolean {
    const { request, answer } = this.exchange;
    if (answer.mayPause) return false;
    if (!request.isAwaited || request.received !== this.#received) {
      this.#received = request.received;
      this.#receivedSinceMs = nowMs;
    } else if (nowMs - this.#receivedSinceMs >= receiveTimeoutMs) {
      // What comes of it takes its time.
      this.#receivedSinceMs = nowMs;
      return true;
    }
    return request.isAwaited && nowMs - this.#beganMs >= requestTimeoutMs && !answer.begun;
  }
}
