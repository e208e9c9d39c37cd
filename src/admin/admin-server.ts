import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { limitConnections } from "./connections.ts";
import { createDispatch, type DispatchOptions } from "./dispatch.ts";

/** What the admin port answers, and how many connections it takes. */
export interface AdminServerOptions extends DispatchOptions {
  readonly maxConnections: () => number;
  /** Told of each connection that was closed to make room. */
  readonly onCrowded: () => void;
  readonly times?: AdminTimes;
}

/** How long a client may take. */
export interface AdminTimes {
  readonly headMs: number;
  /** For head and body together. */
  readonly requestMs: number;
  /** Without a request. */
  readonly idleMs: number;
}

/** Seconds, not minutes: what is sent here is small, and its senders are near. */
const defaultTimes: AdminTimes = { headMs: 5000, requestMs: 10_000, idleMs: 5000 };

const maxHeadBytes = 8192;

/**
 * Makes the listener for the orchestrator, Prometheus and the operator, on a port of its own, so that no path of
 * the application's is ever taken away or made exempt for them.
 */
export function createAdminServer(options: AdminServerOptions): Server {
  const { maxConnections: max, onCrowded, onUncaught, times = defaultTimes } = options;
  const server = createServer({
    maxHeaderSize: maxHeadBytes,
    headersTimeout: times.headMs,
    requestTimeout: times.requestMs,
    keepAliveTimeout: times.idleMs,
    connectionsCheckingInterval: Math.min(1000, times.headMs),
    // What Node refuses by itself passes none of the limits below: nothing is left to it.
    requireHostHeader: false,
  });
  const connectionOf = limitConnections(server, { max, onCrowded });
  const dispatch = createDispatch(options);
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const connection = connectionOf(request.socket);
    if (connection?.begin(response) === true) void dispatch(request, response, connection.work);
  };
  server.on("request", handle);
  // 100 is sent when the body is asked for.
  server.on("checkContinue", handle);
  server.on("checkExpectation", handle);
  server.on("error", (error) => onUncaught("admin", error));
  return server;
}
