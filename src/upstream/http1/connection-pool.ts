import type { Socket } from "node:net";
import { beginToConnect, type ConnectingOptions, shutDown } from "../connecting.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { RequestQueue, type RequestQueueOptions } from "./request-queue.ts";
import { SlowClients } from "./slow-clients.ts";

/** How connections to the application are made and kept. */
export interface ConnectionPoolOptions extends RequestQueueOptions, ConnectingOptions {
  /** From the request being sent to the head of the response. */
  readonly responseTimeoutMs: number;
  /** Between two parts of the body of a response. */
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  /** The longest response head, in bytes. */
  readonly headBytes: number;
  /** How long a connection is kept without work, at most. */
  readonly idleMs: number;
}

interface Idle {
  readonly connection: Connection;
  readonly untilMs: number;
}

/** The connections to the application: what is asked of it goes over one that is free, or a new one, or waits. */
export class ConnectionPool implements ConnectionOwner {
  readonly headBytes: number;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly #options: ConnectionPoolOptions;
  /** Those that connect included. */
  readonly #sockets = new Map<Connection | Socket, { destroy(): void }>();
  readonly #waiting: RequestQueue;
  /** The one that was used last is used next: the others get old, and are closed. */
  readonly #idle: Idle[] = [];
  #connecting = 0;
  #sweep: NodeJS.Timeout | undefined;
  readonly #slowClients: SlowClients;
  #relief: NodeJS.Timeout | undefined;
  #closing: (() => void) | undefined;
  #destroyed = false;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    this.headBytes = options.headBytes;
    this.responseTimeoutMs = options.responseTimeoutMs;
    this.idleTimeoutMs = options.idleTimeoutMs;
    this.#waiting = new RequestQueue(options);
    this.#slowClients = new SlowClients(options);
  }

  /** Open connections, and those that connect. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Requests that wait for a connection. */
  get queued(): number {
    return this.#waiting.length;
  }

  /** Sends a request as soon as there is a connection for it. */
  carry(exchange: Exchange): void {
    if (this.#destroyed) {
      exchange.onError(shutDown(), false);
      return;
    }
    const connection = this.#takeIdle();
    if (connection !== undefined) {
      connection.carry(exchange);
      return;
    }
    this.#waiting.add(exchange);
    this.#connectIfNeeded();
    if (this.#waiting.length > this.#connecting) {
      this.#relief ??= setInterval(() => this.#relieve(), this.#slowClients.everyMs).unref();
    }
  }

  /** Takes back a request that waits for a connection; false if it waits no more. */
  withdraw(exchange: Exchange): boolean {
    const waited = this.#waiting.withdraw(exchange);
    if (waited) this.#closeWhenDone();
    return waited;
  }

  /** Closes what is idle: after an application has closed one connection under a request, the others are no better. */
  closeIdle(): void {
    for (const { connection } of this.#idle.splice(0)) connection.abort();
  }

  /** Resolves when every request has come to its end and every connection is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closing = resolve;
      this.closeIdle();
      this.#closeWhenDone();
    });
  }

  /** Cuts all connections; what they carried, or should have, ends in errors. */
  destroy(): void {
    this.#destroyed = true;
    this.#waiting.failAll(shutDown());
    for (const socket of [...this.#sockets.values()]) socket.destroy();
  }

  onFree(connection: Connection): void {
    const next = this.#waiting.take();
    if (next !== undefined) {
      connection.carry(next);
      return;
    }
    const idleMs = connection.idleMs(this.#options.idleMs);
    if (this.#closing !== undefined || idleMs <= 0) {
      connection.abort();
      return;
    }
    connection.rest();
    this.#idle.push({ connection, untilMs: performance.now() + idleMs });
    this.#sweep ??= setTimeout(() => this.#closeOld(), this.#options.idleMs).unref();
  }

  onClosed(connection: Connection): void {
    this.#forget(connection);
    const index = this.#idle.findIndex((idle) => idle.connection === connection);
    if (index !== -1) this.#idle.splice(index, 1);
  }

  #takeIdle(): Connection | undefined {
    const nowMs = performance.now();
    for (;;) {
      const idle = this.#idle.pop();
      if (idle === undefined) return undefined;
      if (idle.connection.isOpen && nowMs < idle.untilMs) return idle.connection;
      idle.connection.abort();
    }
  }

  #closeOld(): void {
    this.#sweep = undefined;
    const nowMs = performance.now();
    const kept = this.#idle.filter(({ untilMs }) => nowMs < untilMs);
    const old = this.#idle.filter(({ untilMs }) => nowMs >= untilMs);
    this.#idle.splice(0, this.#idle.length, ...kept);
    for (const { connection } of old) connection.abort();
    const [next] = kept;
    if (next === undefined) return;
    this.#sweep = setTimeout(() => this.#closeOld(), this.#options.idleMs / 4).unref();
  }

  /** Has connections back from clients that keep them, for requests that wait. */
  #relieve(): void {
    const wanted = this.#waiting.length - this.#connecting;
    if (wanted <= 0) {
      clearInterval(this.#relief);
      this.#relief = undefined;
      this.#slowClients.forget();
      return;
    }
    const hasOthers = (network: string) => this.#waiting.hasOthers(network);
    const nowMs = performance.now();
    const slow = this.#slowClients.choose(this.#carried(), { wanted, hasOthers }, nowMs);
    for (const exchange of slow) exchange.giveWay();
  }

  *#carried(): Iterable<Exchange> {
    for (const each of this.#sockets.keys()) {
      if (each instanceof Connection && each.exchange !== undefined) yield each.exchange;
    }
  }

  #connectIfNeeded(): void {
    while (
      this.#connecting < this.#waiting.length &&
      this.#sockets.size < this.#options.maxConnections
    ) {
      this.#connect();
    }
  }

  #connect(): void {
    this.#connecting += 1;
    const socket = beginToConnect(this.#options, {
      onConnected: (connected) => {
        this.#connecting -= 1;
        this.#sockets.delete(connected);
        const connection = new Connection(connected, this);
        this.#sockets.set(connection, connected);
        this.onFree(connection);
      },
      onFailed: (error, failed) => {
        this.#connecting -= 1;
        // One attempt, one request that fails for it.
        const exchange = this.#waiting.take();
        this.#forget(failed);
        exchange?.onError(error, false);
      },
    });
    this.#sockets.set(socket, socket);
  }

  #forget(key: Connection | Socket): void {
    this.#sockets.delete(key);
    this.#connectIfNeeded();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#closing === undefined || this.#sockets.size > 0 || this.#waiting.length > 0) return;
    clearTimeout(this.#sweep);
    this.#closing();
  }
}
