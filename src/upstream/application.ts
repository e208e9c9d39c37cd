import { isIP } from "node:net";
import { buildConnector, Pool } from "undici";
import { prepareForClosing } from "./closing-socket.ts";

/** Where the application is and how long revgate waits for it. */
export interface ApplicationOptions {
  /** `http:` or `https:`, host and port; no path. */
  readonly url: URL;
  /** PEM certificates that are trusted for `https:` besides the system's. */
  readonly ca: Buffer | undefined;
  readonly connectTimeoutMs: number;
  /** From the request being sent to the head of the response. */
  readonly responseTimeoutMs: number;
  readonly maxConnections: number;
  /** The longest response head, in bytes. */
  readonly headerBytes: number;
}

/** How long an idle connection to the application is kept; most servers close theirs after 5 s or more. */
const keepIdleMs = 4000;

/** The application, as requests reach it. */
export interface Application {
  readonly pool: Pool;
  /** The name in its URL. undici would else take the client's `Host` for the name in the certificate. */
  readonly servername: string;
}

/** Opens the pool of connections over which requests reach the application. */
export function connectApplication(options: ApplicationOptions): Application {
  const { ca, connectTimeoutMs, url } = options;
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    ...(ca === undefined ? {} : { ca }),
  });
  const servername = tlsServername(url);
  const pool = new Pool(url.origin, {
    connections: options.maxConnections,
    pipelining: 1,
    keepAliveTimeout: keepIdleMs,
    headersTimeout: options.responseTimeoutMs,
    // A response may pause for as long as it likes (server-sent events); the client decides.
    bodyTimeout: 0,
    maxHeaderSize: options.headerBytes,
    connect: (request, callback) =>
      connect({ ...request, servername }, (...result) => {
        if (result[0] === null) prepareForClosing(result[1]);
        callback(...result);
      }),
  });
  return { pool, servername: url.hostname };
}

/** The name to ask for and to check in a certificate; empty for an address (RFC 6066 section 3). */
export function tlsServername({ hostname }: URL): string {
  return isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? hostname : "";
}
