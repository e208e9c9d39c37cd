import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { lastResponseOn } from "./in-order.ts";

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
  const sockets = keepSet(server, "connection");
  // What requests come from: with TLS, not what was accepted.
  const clients = server instanceof TlsServer ? keepSet(server, "secureConnection") : sockets;
  let draining = false;

  const finish = (response: ServerResponse) => {
    response.shouldKeepAlive = false;
    response.once("close", () => server.closeIdleConnections());
  };
  server.prependListener("request", (_request, response: ServerResponse) => {
    if (draining) finish(response);
  });

  return {
    get connections() {
      return sockets.size;
    },
    run(timeoutMs) {
      draining = true;
      for (const socket of clients) {
        const response = lastResponseOn(socket);
        if (response !== undefined) finish(response);
      }
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

/** The sockets that an event has brought and that are still open. */
function keepSet(server: Server, event: "connection" | "secureConnection"): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}
