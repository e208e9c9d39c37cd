import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { dropReadAhead } from "../node-http/drop-read-ahead.ts";
import { networkOf } from "../platform/network.ts";
import { createPlaces } from "../platform/places.ts";
import { limitHandshakes } from "./handshakes.ts";

/** Who may ask, and how many of them at a time. */
export interface AskerLimits {
  readonly mayAsk: (socket: Socket) => boolean;
  /** How many connections gateways may have. */
  readonly maxConnections: () => number;
  /** Told of each gateway's connection that was turned away, or closed for too many questions at once. */
  readonly onCrowded: (peer: string, why: string) => void;
}

/** Counts a question until its answer is gone; false if its connection was closed for too many at once. */
export type BeginQuestion = (socket: Socket, response: ServerResponse) => boolean;

/**
 * What others than gateways have: enough to be told that they may not ask. Their connections never take the places of
 * gateways; a newcomer gets the place of the one that came first.
 */
export const maxStrangers = 16;
/** Gateways wait for an answer before they ask anew; each question that is sent ahead costs more than its bytes. */
const [maxAtOnce, maxAtOnceOfStrangers] = [4, 1];

/** Bounds the connections to the gateways' port, and the questions on each. */
export function limitAskers(server: Server, limits: AskerLimits): BeginQuestion {
  const { mayAsk, maxConnections, onCrowded } = limits;
  const takePlace = createPlaces(() => maxStrangers);
  const underWay = new WeakMap<Socket, number>();
  let gateways = 0;

  const takeStranger = (socket: Socket) => {
    const place = takePlace(networkOf(socket.remoteAddress ?? "unknown"), () => socket.destroy());
    if (place === undefined) socket.destroy();
    else socket.once("close", place.leave);
  };
  const takeGateway = (socket: Socket) => {
    if (gateways >= maxConnections()) {
      onCrowded(socket.remoteAddress ?? "unknown", "too many connections");
      socket.destroy();
      return;
    }
    gateways += 1;
    socket.once("close", () => {
      gateways -= 1;
    });
  };
  const begin =
    server instanceof TlsServer
      ? limitHandshakes(server, { onCrowded, onSecure: takeGateway })
      : takeGateway;
  server.on("connection", (socket: Socket) => (mayAsk(socket) ? begin : takeStranger)(socket));

  return (socket, response) => {
    // What came in the same packet is still read when the connection is closed.
    if (socket.destroyed) return false;
    const count = underWay.get(socket) ?? 0;
    if (count >= (mayAsk(socket) ? maxAtOnce : maxAtOnceOfStrangers)) {
      onCrowded(socket.remoteAddress ?? "unknown", "too many questions at once");
      dropReadAhead(socket);
      socket.destroy();
      return false;
    }
    underWay.set(socket, count + 1);
    response.once("close", () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1));
    return true;
  };
}
