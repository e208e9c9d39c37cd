import { UpstreamError } from "../upstream-error.ts";
import type { Exchange } from "./exchange.ts";

/** How many may wait, and for how long. */
export interface RequestQueueOptions {
  readonly maxQueued: number;
  readonly queueTimeoutMs: number;
  /** Told of each that waits no more, how many seconds it did. */
  readonly onWaited: (seconds: number) => void;
}

interface Waiting {
  readonly exchange: Exchange;
  readonly sinceMs: number;
  before: Waiting | undefined;
  behind: Waiting | undefined;
}

/**
 * Requests that wait for a connection, first come, first served. One that waits for too long, or finds too
 * many before it, ends in an error of code `busy`.
 *
 * (A list of links, since any of them may leave: to take the first of a Map costs 40 µs if 10,000 wait.)
 */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  readonly #byExchange = new Map<Exchange, Waiting>();
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get length(): number {
    return this.#byExchange.size;
  }

  /** Waits; if the queue is full, the request ends at once. */
  add(exchange: Exchange): void {
    const { maxQueued, queueTimeoutMs } = this.#options;
    if (this.length >= maxQueued) {
      exchange.onError(busy(`${maxQueued} requests already wait for a connection to it`), false);
      return;
    }
    const waiting = { exchange, sinceMs: performance.now(), before: this.#last, behind: undefined };
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.behind = waiting;
    this.#last = waiting;
    this.#byExchange.set(exchange, waiting);
    // All wait equally long: the first is always the next whose time is up.
    this.#timer ??= setTimeout(() => this.#expire(), queueTimeoutMs);
  }

  /** The one that has waited longest; it waits no more. */
  take(): Exchange | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    this.#remove(first);
    return first.exchange;
  }

  /** None of those that wait now does any more. */
  failAll(error: Error): void {
    for (let left = this.length; left > 0; left -= 1) this.take()?.onError(error, false);
  }

  /** Takes one out; false if it does not wait. */
  withdraw(exchange: Exchange): boolean {
    const waiting = this.#byExchange.get(exchange);
    if (waiting === undefined) return false;
    this.#remove(waiting);
    return true;
  }

  #remove(waiting: Waiting): void {
    const { exchange, sinceMs, before, behind } = waiting;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    this.#byExchange.delete(exchange);
    this.#options.onWaited((performance.now() - sinceMs) / 1000);
    if (this.length > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #expire(): void {
    const { queueTimeoutMs } = this.#options;
    this.#timer = undefined;
    const late: Exchange[] = [];
    const sinceMs = performance.now() - queueTimeoutMs;
    for (let first = this.#first; first !== undefined; first = this.#first) {
      if (first.sinceMs > sinceMs) {
        const leftMs = Math.ceil(first.sinceMs - sinceMs);
        this.#timer = setTimeout(() => this.#expire(), leftMs);
        break;
      }
      this.#remove(first);
      late.push(first.exchange);
    }
    // Only when the queue is in order again: who ends may send the next request.
    for (const exchange of late) {
      exchange.onError(busy(`no connection to it was free for ${queueTimeoutMs} ms`), false);
    }
  }
}

function busy(what: string): UpstreamError {
  return new UpstreamError("busy", `the application is busy: ${what}`);
}
