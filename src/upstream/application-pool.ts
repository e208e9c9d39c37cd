import type { Exchange } from "./http1/exchange.ts";

/** The connections to the application by one protocol. */
export interface ApplicationPool {
  /** From the request being sent to the head of the response. */
  readonly responseTimeoutMs: number;
  /** Open connections, and those that connect. */
  readonly connections: number;
  /** Requests that wait for a connection. */
  readonly queued: number;
  /** Sends a request as soon as there is a connection for it. */
  carry(exchange: Exchange): void;
  /** Takes back a request that waits for a connection; false if it waits no more. */
  withdraw(exchange: Exchange): boolean;
  /** Closes what is idle. */
  closeIdle(): void;
  /** Resolves when every request has come to its end and every connection is closed. */
  close(): Promise<void>;
  /** Cuts all connections; what they carried, or should have, ends in errors. */
  destroy(): void;
}

/** Which protocol the application is spoken to in: `grpc` is HTTP/2 for calls of gRPC alone. */
export const upstreamProtocols = ["http1", "http2", "grpc"] as const;
/** One of them. */
export type UpstreamProtocol = (typeof upstreamProtocols)[number];

/** The ways to one application. */
export interface ApplicationPools
  extends Pick<ApplicationPool, "connections" | "queued" | "close" | "destroy"> {
  /** The pool that carries a request. */
  poolFor(isGrpc: boolean): ApplicationPool;
}

/** Puts both together. A pool without work has no connection. */
export function joinPools(
  http1: ApplicationPool,
  http2: ApplicationPool,
  protocol: UpstreamProtocol,
): ApplicationPools {
  const [forOthers, forGrpc] = [
    protocol === "http2" ? http2 : http1,
    protocol === "http1" ? http1 : http2,
  ];
  return {
    poolFor: (isGrpc) => (isGrpc ? forGrpc : forOthers),
    get connections() {
      return http1.connections + http2.connections;
    },
    get queued() {
      return http1.queued + http2.queued;
    },
    close: async () => void (await Promise.all([http1.close(), http2.close()])),
    destroy() {
      http1.destroy();
      http2.destroy();
    },
  };
}
