import {
  type Http2Session,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2";
import { connect as connectTo, createServer, type Socket } from "node:net";
import type { BodyFraming, FieldLines } from "../../src/http/field-lines.ts";
import type { Carrier, Exchange } from "../../src/upstream/http1/exchange.ts";
import { SessionPool, type SessionPoolOptions } from "../../src/upstream/http2/session-pool.ts";
import { listenOnLoopback } from "./application.ts";
import type { Ending } from "./shared.ts";

/** A pool, and the application at the other end of its connections. */
export interface TestPool {
  readonly pool: SessionPool;
  /** The application's side of each connection, in order. */
  readonly sessions: readonly ServerHttp2Session[];
  /** What lies beneath each. */
  readonly wires: readonly Socket[];
}

/** Makes a pool to an application that answers each stream by its path. */
export async function startPool(
  t: Ending,
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  {
    settings = {},
    ...options
  }: Partial<SessionPoolOptions> & { readonly settings?: Settings } = {},
): Promise<TestPool> {
  const [sessions, wires]: [ServerHttp2Session[], Socket[]] = [[], []];
  const server = createServer((wire) => {
    wire.on("error", () => {});
    const session = performServerHandshake(wire, { settings });
    session.on("error", () => {});
    session.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on("error", () => {});
      answer(stream, headers);
    });
    sessions.push(session);
    wires.push(wire);
  });
  const port = await listenOnLoopback(t, server);
  const connect = (onReady: () => void) => connectTo(port, "127.0.0.1", onReady);
  const pool = new SessionPool({
    ...{ connect, scheme: "http", connectTimeoutMs: 60_000, maxConnections: 8, headBytes: 16_384 },
    ...{ idleMs: 60_000, responseTimeoutMs: 60_000, idleTimeoutMs: 60_000 },
    ...{ maxQueued: 100, queueTimeoutMs: 60_000, onWaited: () => {} },
    ...options,
  });
  t.after(() => pool.destroy());
  return { pool, sessions, wires };
}

/** A request that a test sends, and what it is told of it. */
export interface TestExchange extends Exchange {
  /** `interim 103`, `head 200`, `data hello`, `end`, `error closed`, `unprocessed error …`, in order. */
  readonly told: readonly string[];
  readonly trailers: FieldLines;
  /** Resolves when it is over, with the last of what was told. */
  readonly ended: Promise<string>;
  /** Resolves when something is told that begins so. */
  until(beginning: string): Promise<void>;
  /** What carries it. */
  readonly carrier: Carrier | undefined;
}

/** Makes a request; `send` sends its body, if it has one. */
export function makeExchange(
  target: string,
  {
    method = "GET",
    send,
    ...more
  }: {
    readonly method?: string;
    readonly headers?: FieldLines;
    readonly streams?: boolean;
    readonly send?: (carrier: Carrier) => void;
    readonly isWanted?: boolean;
  } = {},
): TestExchange {
  const told: string[] = [];
  const waiting = new Map<string, () => void>();
  let carrier: Carrier | undefined;
  let trailers: FieldLines = [];
  let end = (_: string) => {};
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  const tell = (what: string, isLast = false) => {
    told.push(what);
    for (const [beginning, resolve] of waiting) if (what.startsWith(beginning)) resolve();
    if (isLast) end(what);
  };
  return {
    ...{ told, ended, method, target, head: "" },
    headers: more.headers ?? [],
    streams: more.streams ?? false,
    ...{ network: "192.0.2.1", clientMark: undefined, giveWay() {} },
    body: (send === undefined ? "none" : "chunked") as BodyFraming,
    get carrier() {
      return carrier;
    },
    get trailers() {
      return trailers;
    },
    async until(beginning) {
      if (told.some((what) => what.startsWith(beginning))) return;
      await new Promise<void>((resolve) => waiting.set(beginning, resolve));
    },
    onConnection(given) {
      carrier = given;
      return more.isWanted ?? true;
    },
    sendBody: (given) => send?.(given),
    onDrain: () => tell("drain"),
    onPartial() {},
    onHead: ({ status }) => tell(`${status < 200 ? "interim" : "head"} ${status}`),
    onWhole: (body) => tell(`whole ${body}`, true),
    onData: (chunk) => tell(`data ${chunk}`),
    onEnd(given) {
      trailers = given;
      tell("end", true);
    },
    onError(error, _stale, unprocessed = false) {
      const code = "code" in error ? String(error.code) : error.message;
      tell(`${unprocessed ? "unprocessed " : ""}error ${code}`, true);
    },
  };
}

/** Resolves when the other side of a connection has heard of all that was sent until now. */
export function roundTrip(session: Http2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.ping((error) => (error ? reject(error) : resolve()));
  });
}
