import type { Server, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { UpgradedConnections } from "../gateway/upgraded-connections.ts";
import { onNewConnection } from "../node-http/client-connections.ts";
import { answerByNode } from "../node-http/direct-answers.ts";
import { lastAnswerOn } from "../node-http/in-order.ts";

/** Connections that are told at once that they are not to be used any more. */
interface Leaving {
  leave(): void;
}

/** Lets a server end well. */
export interface Drain {
  /** Connections open at present. */
  readonly connections: number;
  /** Whether it has begun. */
  readonly begun: boolean;
  /**
   * Watches the connections of a server, from before it listens, and those of them that speak HTTP/2; there is one
   * server.
   */
  watch(server: Server, http2?: Leaving): void;
  /**
   * Has clients leave: every response closes its connection from now on, clients of HTTP/2 are told to use another
   * one, and open WebSockets are told to close. New connections are still taken, since the balancer that routes them here learns of it later.
   */
  begin(): void;
  /**
   * Stops accepting, lets what is in progress finish, and ends the connections after it. An idle connection
   * is closed a moment later: a request that its client has sent meanwhile is still answered.
   *
   * Resolves when all are gone, at the latest `timeoutMs` later, when the rest is cut.
   */
  run(timeoutMs: number): Promise<void>;
}

/** The longest time in which a client may use an idle connection once more when revgate stops. */
const maxLingerMs = 1000;
const lingerOfDrain = 0.1;

/** Makes the drain; it is there before the server, so that it can be begun at any moment. */
export function createDrain(upgraded: Pick<UpgradedConnections, "leave" | "close">): Drain {
  let state: "serving" | "draining" | "stopping" = "serving";
  let watched: (WatchedServer & { readonly http2: Leaving | undefined }) | undefined;
  let closeIdle: (() => void) | undefined;

  const finish = (response: ServerResponse) => {
    response.shouldKeepAlive = false;
    // Its head may have promised that the connection stays.
    if (state === "stopping" && response.headersSent) response.once("close", () => closeIdle?.());
  };
  const finishAll = () => {
    if (watched === undefined) return;
    answerByNode(watched.server);
    for (const socket of watched.clients) {
      const answer = lastAnswerOn(socket);
      if (answer !== undefined) finish(answer.stream);
    }
  };

  return {
    get connections() {
      return watched?.sockets.size ?? 0;
    },
    get begun() {
      return state !== "serving";
    },
    watch(server, http2) {
      watched = { ...watchServer(server), http2 };
      server.prependListener("request", (_request, response: ServerResponse) => {
        if (state !== "serving") finish(response);
      });
    },
    begin() {
      if (state === "serving") state = "draining";
      finishAll();
      watched?.http2?.leave();
      upgraded.leave();
    },
    async run(timeoutMs) {
      state = "stopping";
      finishAll();
      watched?.http2?.leave();
      upgraded.close();
      if (watched === undefined) return;
      const lingerMs = Math.min(maxLingerMs, lingerOfDrain * timeoutMs);
      const closing = closeIdleAfter(watched, lingerMs);
      closeIdle = closing.again;
      await closeServer(watched, timeoutMs);
      closing.end();
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
async function closeServer({ server, sockets }: WatchedServer, timeoutMs: number): Promise<void> {
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, timeoutMs);
  // Not by its own `close`, which closes idle connections at once: a request may be on its way there.
  await new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
  // They are closed, and some have yet to say so.
  await Promise.all(
    [...sockets].map((one) => new Promise((resolve) => one.once("close", resolve))),
  );
  clearTimeout(cut);
  // Ends what it does from time to time.
  server.close();
}

/** Closes the idle connections of a server after a time, and `again` each time as long after that is called. */
function closeIdleAfter({ server, clients }: WatchedServer, afterMs: number) {
  const timer = setTimeout(() => {
    // Node takes an answer for done of which a part is still to be sent.
    const sending = [...clients].some((socket) => lastAnswerOn(socket)?.stream.writableEnded);
    if (sending) timer.refresh();
    else server.closeIdleConnections();
  }, afterMs);
  return { again: () => void timer.refresh(), end: () => clearTimeout(timer) };
}

/** Keeps a socket in a set for as long as it is open. */
function keepIn(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
}
