import type { Server } from "node:http";
import type { Socket } from "node:net";
import { createPlaces, type Place } from "../platform/places.ts";
import { peerOf } from "./peer.ts";

/** The bound on connections, and who is told of each that had to go. */
export interface ConnectionLimit {
  readonly max: () => number;
  readonly onCrowded: () => void;
}

/**
 * Bounds the connections of a server: a newcomer takes the place of one that sends no request. Returns the
 * place of a connection.
 */
export function limitConnections(
  server: Server,
  { max, onCrowded }: ConnectionLimit,
): (socket: Socket) => Place | undefined {
  const takePlace = createPlaces(max);
  const places = new WeakMap<Socket, Place>();
  server.on("connection", (socket: Socket) => {
    const close = () => {
      onCrowded();
      socket.destroy();
    };
    const place = takePlace(peerOf(socket), close);
    if (place === undefined) return close();
    places.set(socket, place);
    socket.once("close", place.leave);
  });
  return (socket) => places.get(socket);
}
