import type { Socket } from "node:net";
import { type ApplicationPools, joinPools, type UpstreamProtocol } from "./application-pool.ts";
import { type ApplicationAddress, createDial } from "./dial.ts";
import { ConnectionPool } from "./http1/connection-pool.ts";
import { SessionPool } from "./http2/session-pool.ts";

/** Where the application is and how long revgate waits for it. */
export interface ApplicationOptions extends ApplicationAddress {
  readonly protocol: UpstreamProtocol;
  readonly connectTimeoutMs: number;
  /** From the request being sent to the head of the response. */
  readonly responseTimeoutMs: number;
  /** Between two parts of the body of a response. */
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  /** How many requests may wait for a connection, and for how long each. */
  readonly maxQueued: number;
  readonly queueTimeoutMs: number;
  /** The longest response head, in bytes. */
  readonly headerBytes: number;
  /** Whether revgate names itself in the `Via` of what it passes on. */
  readonly addsVia: boolean;
}

/** How long an idle connection to the application is kept; most servers close theirs after 5 s or more. */
const keepIdleMs = 4000;
/** The same for HTTP/2, in which the application says when it closes. */
const keepSessionMs = 60_000;

/** What one read takes from the system at most, as in Node's own way. */
const readBytes = 65_536;

/**
 * Opens the pools of connections over which requests reach the application. `onWaited` is told how many
 * seconds a request waited for one.
 *
 * Without TLS all connections read into one buffer, where Node would make a new one for each read: who is told
 * of what was received must not keep it (`ResponseParser.read`).
 */
export function connectApplication(
  options: ApplicationOptions,
  onWaited: (seconds: number) => void,
): ApplicationPools {
  const dial = createDial(options);
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  const readInto = (socket: () => Socket) => ({
    buffer,
    callback: (bytes: number) => socket().emit("data", buffer.subarray(0, bytes)),
  });
  const shared = { ...options, headBytes: options.headerBytes, onWaited };
  const http1 = new ConnectionPool({
    ...shared,
    connect: (onReady) => dial(onReady, readInto),
    idleMs: keepIdleMs,
  });
  const http2 = new SessionPool({
    ...shared,
    connect: createDial(options, "h2"),
    scheme: options.url.protocol === "https:" ? "https" : "http",
    idleMs: keepSessionMs,
  });
  return joinPools(http1, http2, options.protocol);
}
