import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { onNewConnection } from "../node-http/client-connections.ts";
import { answerByNode } from "../node-http/direct-answers.ts";
import { lastAnswerOn } from "../node-http/in-order.ts";

/** Lets a server end well. */
export interface Drain {
  /** Connections open at present. */
  readonly connections: number;
  /** Whether it has begun. */
  readonly begun: boolean;
  /** Watches the connections of a server, from before it listens; there is one server. */
  watch(server: Server): void;
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

/** Makes the drain; it is there before the server, so that it can be begun at any moment. */
export function createDrain(): Drain {
  let state: "serving" | "draining" | "stopping" = "serving";
  let watched: WatchedServer | undefined;

  const finish = (server: Server, response: ServerResponse) => {
    response.shouldKeepAlive = false;
    if (state === "stopping") response.once("close", () => server.closeIdleConnections());
  };
  const finishAll = () => {
    if (watched === undefined) return;
    answerByNode(watched.server);
    for (const socket of watched.clients) {
      const answer = lastAnswerOn(socket);
      if (answer !== undefined) finish(watched.server, answer.stream);
    }
  };

  return {
    get connections() {
      return watched?.sockets.size ?? 0;
    },
    get begun() {
      return state !== "serving";
    },
    watch(server) {
      watched = watchServer(server);
      server.prependListener("request", (_request, response: ServerResponse) => {
        if (state !== "serving") finish(server, response);
      });
    },
    begin() {
      if (state === "serving") state = "draining";
      finishAll();
    },
    async run(timeoutMs) {
      state = "stopping";
      finishAll();
      if (watched !== undefined) await closeServer(watched, timeoutMs);
    },
  };
}

/** A server, its connections, and those of them that requests come from. */
interface WatchedServer {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
  readonly clients: ReadonlySet<Socket>;
}

function watchServer(server: Server): WatchedServer {
  const clients = new Set<Socket>();
  onNewConnection(server, (socket) => keepIn(clients, socket));
  if (!(server instanceof TlsServer)) return { server, sockets: clients, clients };
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => keepIn(sockets, socket));
  return { server, sockets, clients };
}

/** Resolves when a server has no connection left; what is there after `timeoutMs` is cut. */
function closeServer({ server, sockets }: WatchedServer, timeoutMs: number): Promise<void> {
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
}

/** Keeps a socket in a set for as long as it is open. */
function keepIn(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
}
