import { type Link, LinkedList } from "../../platform/linked-list.ts";
import { UpstreamError } from "../upstream-error.ts";
import type { Exchange } from "./exchange.ts";

/** How many may wait, and for how long. */
export interface RequestQueueOptions {
  readonly maxQueued: number;
  readonly queueTimeoutMs: number;
  /** Told of each that waits no more, how many seconds it did. */
  readonly onWaited: (seconds: number) => void;
}

/** Those of one network, in the order in which they came. */
interface Line {
  readonly network: string;
  readonly waiting: LinkedList<Waiting>;
  turn: Link<Line>;
}

interface Waiting {
  readonly exchange: Exchange;
  readonly sinceMs: number;
  readonly line: Line;
  byAge: Link<Waiting>;
  inLine: Link<Waiting>;
}

/**
 * Requests that wait for a connection. The networks of their clients take turns, and each is served in the order in
 * which its requests came. One that waits for too long ends in an error of code `busy`; so does, if too many wait, the
 * last of the network that has the most, the newcomer's own included.
 */
export class RequestQueue {
  readonly #options: RequestQueueOptions;
  readonly #byExchange = new Map<Exchange, Waiting>();
  readonly #byAge = new LinkedList<Waiting>();
  readonly #lines = new Map<string, Line>();
  readonly #turns = new LinkedList<Line>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RequestQueueOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get length(): number {
    return this.#byExchange.size;
  }

  /** Whether one of another network waits. */
  hasOthers(network: string): boolean {
    return this.length > (this.#lines.get(network)?.waiting.length ?? 0);
  }

  /** Waits; if the queue is full, one ends at once. */
  add(exchange: Exchange): void {
    const { maxQueued, queueTimeoutMs } = this.#options;
    const { network } = exchange;
    let ended: Exchange | undefined;
    if (this.length >= maxQueued) {
      ended = this.#lastOfBusiest(network);
      if (ended === undefined) {
        exchange.onError(full(maxQueued), false);
        return;
      }
      this.withdraw(ended);
    }
    this.#wait(exchange, network);
    // All wait equally long: the first is always the next whose time is up.
    this.#timer ??= setTimeout(() => this.#expire(), queueTimeoutMs);
    ended?.onError(full(maxQueued), false);
  }

  /** The next one; it waits no more. */
  take(): Exchange | undefined {
    const line = this.#turns.first;
    const first = line?.waiting.first;
    if (line === undefined || first === undefined) return undefined;
    this.#remove(first);
    if (line.waiting.length > 0) {
      this.#turns.remove(line.turn);
      line.turn = this.#turns.push(line);
    }
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

  #wait(exchange: Exchange, network: string): void {
    const line = this.#lines.get(network) ?? this.#openLine(network);
    const waiting = { exchange, sinceMs: performance.now(), line } as Waiting;
    waiting.byAge = this.#byAge.push(waiting);
    waiting.inLine = line.waiting.push(waiting);
    this.#byExchange.set(exchange, waiting);
  }

  #openLine(network: string): Line {
    const line = { network, waiting: new LinkedList<Waiting>() } as Line;
    line.turn = this.#turns.push(line);
    this.#lines.set(network, line);
    return line;
  }

  /** Undefined: the newcomer's network has the most, or would have. */
  #lastOfBusiest(newcomer: string): Exchange | undefined {
    let busiest = this.#lines.get(newcomer)?.waiting;
    const own = busiest?.length ?? 0;
    for (const { waiting } of this.#turns) {
      if (waiting.length > Math.max(own + 1, busiest?.length ?? 0)) busiest = waiting;
    }
    return busiest !== undefined && busiest.length > own + 1 ? busiest.last?.exchange : undefined;
  }

  #remove({ exchange, sinceMs, line, byAge, inLine }: Waiting): void {
    this.#byExchange.delete(exchange);
    this.#byAge.remove(byAge);
    line.waiting.remove(inLine);
    if (line.waiting.length === 0) {
      this.#turns.remove(line.turn);
      this.#lines.delete(line.network);
    }
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
    for (let first = this.#byAge.first; first !== undefined; first = this.#byAge.first) {
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

function full(maxQueued: number): UpstreamError {
  return busy(`${maxQueued} requests already wait for a connection to it`);
}

function busy(what: string): UpstreamError {
  return new UpstreamError("busy", `the application is busy: ${what}`);
}
