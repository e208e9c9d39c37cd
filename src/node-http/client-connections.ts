import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";

/** The event with which a server hands over what requests come from: with TLS, not what was accepted. */
function eventOf(server: Server): "connection" | "secureConnection" {
  return server instanceof TlsServer ? "secureConnection" : "connection";
}

/** Tells of each connection that requests come from; again if the server is given one back (`giveBack`). */
export function onConnection(server: Server, listener: (socket: Socket) => void): void {
  server.on(eventOf(server), listener);
}

/** Tells of each connection that requests come from, once. */
export function onNewConnection(server: Server, listener: (socket: Socket) => void): void {
  const known = new WeakSet<Socket>();
  onConnection(server, (socket) => {
    if (known.has(socket)) return;
    known.add(socket);
    listener(socket);
  });
}

/** Has a server read requests from a connection again that it had let go of. */
export function giveBack(server: Server, socket: Socket): void {
  server.emit(eventOf(server), socket);
}
