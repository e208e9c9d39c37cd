import type { Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** Lets a server end well. */
export interface Drain {
  /** Connections open at present. */
  readonly connections: number;
  /**
   * Stops accepting, lets what is under way finish, and ends the connections behind it.
   *
   * Resolves when all are gone, at the latest `timeoutMs` later, when the rest is cut.
   */
  run(timeoutMs: number): Promise<void>;
}

/** Watches a server's connections from its start on. */
export function watchForDrain(server: Server): Drain {
  const sockets = new Set<Duplex>();
  let draining = false;

  server.on("connection", (socket: Duplex) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.prependListener("request", (_request, response: ServerResponse) => {
    if (draining) response.shouldKeepAlive = false;
    response.once("close", () => {
      if (draining) server.closeIdleConnections();
    });
  });

  return {
    get connections() {
      return sockets.size;
    },
    run(timeoutMs) {
      draining = true;
      return new Promise((resolve) => {
        const cut = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, timeoutMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      });
    },
  };
}
