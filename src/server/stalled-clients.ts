import type { Server } from "node:http";
import type { Socket } from "node:net";
import { onNewConnection } from "../node-http/client-connections.ts";
import { lineOf, stateOf } from "../node-http/in-order.ts";
import { unsentBytes } from "../node-http/unsent-bytes.ts";

/** For how long a client may stand still, in milliseconds. */
export interface StallLimits {
  /** With something to take, and nothing taken. */
  readonly sendTimeoutMs: number;
  /** In the middle of a request's body, with nothing sent. */
  readonly receiveTimeoutMs: number;
  /** Between two requests. */
  readonly idleTimeoutMs: number;
  /** In the middle of a request's head. */
  readonly headersTimeoutMs: number;
}

/** What a client stopped doing. */
export const stalls = ["reading", "sending"] as const;
/** One of them. */
export type Stall = (typeof stalls)[number];

const checkEveryMs = 1000;
/** What comes on top of the time that clients are told, as in Node's own way: they shall close first. */
const marginMs = 1000;

/**
 * Gives up clients that stand still: they hold a connection to the application, or memory, for as long as
 * they like.
 *
 * All are looked at once a second, so that nothing is set per request; a client has a second more than its
 * time. One that takes nothing is reset, since nothing more can be told to it. One that sends nothing is
 * answered by the request that waits for its body; if that cannot answer any more, its connection is closed. So is one that
 * asks for nothing any more, whatever it sends between two requests (empty lines, RFC 9112 section 2.2).
 */
export function watchStalls(
  server: Server,
  limits: () => StallLimits,
  onStall: (stall: Stall) => void,
): void {
  const clients = new Map<Socket, Client>();
  let timer: NodeJS.Timeout | undefined;
  const check = () => {
    const nowMs = performance.now();
    for (const client of clients.values()) {
      const current = limits();
      const stall = client.stallAt(nowMs, current);
      if (stall !== undefined) {
        onStall(stall);
        client.giveUp(stall);
      } else client.closeIfIdle(nowMs, current);
    }
  };
  onNewConnection(server, (socket) => {
    clients.set(socket, new Client(socket));
    timer ??= setInterval(check, checkEveryMs).unref();
    socket.once("close", () => {
      clients.delete(socket);
      if (clients.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    });
  });
}

/** A client's connection, and since when it stands still. */
class Client {
  readonly #socket: Socket;
  /** What it had to take at the last look, and since when that is the same. */
  #unsent: string | undefined;
  #unsentSinceMs = 0;
  #received = 0;
  #receivedSinceMs = 0;
  /** What had been sent to it at the last look without anything in progress, and since when that is the same. */
  #sent = -1;
  #idleSinceMs = 0;
  #receivedIdle = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** What it has stopped doing for longer than it may. */
  stallAt(nowMs: number, { sendTimeoutMs, receiveTimeoutMs }: StallLimits): Stall | undefined {
    const unsent = unsentBytes(this.#socket);
    if (unsent === undefined || unsent !== this.#unsent) {
      this.#unsent = unsent;
      this.#unsentSinceMs = nowMs;
    } else if (nowMs - this.#unsentSinceMs >= sendTimeoutMs) return "reading";

    const { bytesRead } = this.#socket;
    if (!owesBody(this.#socket) || bytesRead !== this.#received) {
      this.#received = bytesRead;
      this.#receivedSinceMs = nowMs;
    } else if (nowMs - this.#receivedSinceMs >= receiveTimeoutMs) {
      // What comes of it takes its time.
      this.#receivedSinceMs = nowMs;
      return "sending";
    }
    return undefined;
  }

  /** Closes a connection on which nothing has been answered for so long, and nothing is in progress. */
  closeIfIdle(nowMs: number, { idleTimeoutMs, headersTimeoutMs }: StallLimits): void {
    const { bytesRead, bytesWritten, writableLength } = this.#socket;
    const { asked, upgraded } = lineOf(this.#socket);
    const received = bytesRead - this.#receivedIdle;
    this.#receivedIdle = bytesRead;
    if (!asked || upgraded || idleTimeoutMs === 0) return;
    if (
      stateOf(this.#socket) === "answering" ||
      writableLength > 0 ||
      bytesWritten !== this.#sent
    ) {
      this.#sent = bytesWritten;
      this.#idleSinceMs = nowMs;
      return;
    }
    // What it sends may be a request that begins; no head takes longer than it may.
    const idleMs = idleTimeoutMs + marginMs + (received > 0 ? headersTimeoutMs : 0);
    if (nowMs - this.#idleSinceMs >= idleMs) this.#socket.destroy();
  }

  giveUp(stall: Stall): void {
    const answer = lineOf(this.#socket).current;
    if (stall === "sending" && answer?.stall() === true) return;
    if (answer !== undefined) {
      answer.giveUp();
      return;
    }
    // A reset: what it did not take would stay in the system's memory otherwise. (TLS knows none.)
    if ("encrypted" in this.#socket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }
}

/** Whether the rest of a body is waited for: somebody reads it, and is not told to wait. */
export function owesBody(socket: Socket): boolean {
  const request = lineOf(socket).current?.request;
  return request !== undefined && !request.complete && request.readableFlowing === true;
}
