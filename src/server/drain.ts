import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { answerByNode } from "../node-http/direct-answers.ts";
import { lastAnswerOn } from "../node-http/in-order.ts";

/** Lets a server end well. */
export interface Drain {
  /** Connections open at present. */
  readonly connections: number;
  /** Whether it has begun. */
  readonly begun: boolean;
  /**
   * Has clients leave: every response closes its connection from now on. New connections are still
   * taken, since whoever routes them here learns of it later.
   */
  begin(): void;
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
  let state: "serving" | "draining" | "stopping" = "serving";

  const finish = (response: ServerResponse) => {
    response.shouldKeepAlive = false;
    if (state === "stopping") response.once("close", () => server.closeIdleConnections());
  };
  const finishAll = () => {
    answerByNode(server);
    for (const socket of clients) {
      const answer = lastAnswerOn(socket);
      if (answer !== undefined) finish(answer.stream);
    }
  };
  server.prependListener("request", (_request, response: ServerResponse) => {
    if (state !== "serving") finish(response);
  });

  return {
    get connections() {
      return sockets.size;
    },
    get begun() {
      return state !== "serving";
    },
    begin() {
      if (state === "serving") state = "draining";
      finishAll();
    },
    run(timeoutMs) {
      state = "stopping";
      finishAll();
      return new Promise((resolve) => {
        const cut = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, timeoutMs);
        // Closes those without a request, too.
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
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
