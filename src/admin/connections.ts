import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { dropReadAhead } from "../node-http/drop-read-ahead.ts";
import { createPlaces, type Place } from "../platform/places.ts";
import { peerOf } from "./peer.ts";

/** The bound on connections, and who is told of each that had to go. */
export interface ConnectionLimit {
  readonly max: () => number;
  readonly onCrowded: () => void;
}

/** What one connection has of the listener. */
export interface AdminConnection {
  /** Keeps it from being given to another; returns what ends that. */
  readonly work: Place["work"];
  /** Counts a request until its answer is gone; false if the connection was closed for too many at once. */
  begin(response: ServerResponse): boolean;
}

/**
 * Requests that may wait for their answers on one connection. No one here sends them ahead, but somebody who does
 * not read could have an answer made, and kept, for each few bytes.
 */
const maxAtOnce = 4;

/**
 * Bounds the connections of a server, and the requests on each. If all are taken, a newcomer gets the place of one
 * that sends no request.
 */
export function limitConnections(
  server: Server,
  { max, onCrowded }: ConnectionLimit,
): (socket: Socket) => AdminConnection | undefined {
  const takePlace = createPlaces(max);
  const connections = new WeakMap<Socket, AdminConnection>();
  server.on("connection", (socket: Socket) => {
    const close = () => {
      onCrowded();
      socket.destroy();
    };
    const place = takePlace(peerOf(socket), close);
    if (place === undefined) return close();
    connections.set(socket, { work: place.work, begin: limitRequests(socket, close) });
    socket.once("close", place.leave);
  });
  return (socket) => connections.get(socket);
}

function limitRequests(socket: Socket, close: () => void): AdminConnection["begin"] {
  let under = 0;
  return (response) => {
    // What came in the same packet is still read when the connection is closed.
    if (socket.destroyed) return false;
    if (under >= maxAtOnce) {
      dropReadAhead(socket);
      close();
      return false;
    }
    under += 1;
    response.once("close", () => {
      under -= 1;
    });
    return true;
  };
}
