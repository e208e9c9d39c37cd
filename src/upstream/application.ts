import { Pool } from "undici";

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

/** Opens the pool of connections over which requests reach the application. */
export function connectApplication(options: ApplicationOptions): Pool {
  return new Pool(options.url.origin, {
    connections: options.maxConnections,
    pipelining: 1,
    keepAliveTimeout: keepIdleMs,
    headersTimeout: options.responseTimeoutMs,
    // A response may pause for as long as it likes (server-sent events); the client decides.
    bodyTimeout: 0,
    maxHeaderSize: options.headerBytes,
    connect: {
      timeout: options.connectTimeoutMs,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    },
  });
}
