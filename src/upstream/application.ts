import { connect, isIP, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { ConnectionPool, type ConnectionPoolOptions } from "./http1/connection-pool.ts";

/** Where the application is and how long revgate waits for it. */
export interface ApplicationOptions {
  /** `http:` or `https:`, host and port; no path. */
  readonly url: URL;
  /** PEM certificates that are trusted for `https:` besides the system's. */
  readonly ca: Buffer | undefined;
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
}

/** How long an idle connection to the application is kept; most servers close theirs after 5 s or more. */
const keepIdleMs = 4000;

/**
 * Opens the pool of connections over which requests reach the application. `onWaited` is told how many
 * seconds a request waited for one.
 */
export function connectApplication(
  options: ApplicationOptions,
  onWaited: (seconds: number) => void,
): ConnectionPool {
  return new ConnectionPool({
    ...options,
    connect: options.url.protocol === "https:" ? connectTls(options) : connectTcp(options),
    headBytes: options.headerBytes,
    idleMs: keepIdleMs,
    onWaited,
  });
}

type Connect = ConnectionPoolOptions["connect"];

/** What one read takes from the system at most, as in Node's own way. */
const readBytes = 65_536;

/**
 * All connections read into one buffer, where Node would make a new one for each read: who is told of
 * what was received must not keep it (`ResponseParser.read`).
 */
function connectTcp({ url }: ApplicationOptions): Connect {
  const address = { ...addressOf(url, 80), noDelay: true };
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  return (onReady) => {
    const callback = (bytes: number) => socket.emit("data", buffer.subarray(0, bytes));
    const socket: Socket = connect({ ...address, onread: { buffer, callback } }, onReady);
    return socket;
  };
}

function connectTls({ url, ca }: ApplicationOptions): Connect {
  const address = { ...addressOf(url, 443), servername: tlsServername(url) };
  const trusted = ca === undefined ? {} : { ca };
  // The last one spares the next connection a part of the handshake (RFC 8446 section 2.2).
  let session: Buffer | undefined;
  return (onReady) => {
    const resumed = session === undefined ? {} : { session };
    const socket = connectSecurely({ ...address, ...trusted, ...resumed }, onReady);
    socket.setNoDelay(true);
    return socket.on("session", (offered) => {
      session = offered;
    });
  };
}

function addressOf({ hostname, port }: URL, defaultPort: number) {
  const host = hostname.replace(/^\[|\]$/g, "");
  return { host, port: port === "" ? defaultPort : Number(port), keepAlive: true };
}

/** The name to ask for and to check in a certificate; empty for an address (RFC 6066 section 3). */
export function tlsServername({ hostname }: URL): string {
  return isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? hostname : "";
}
