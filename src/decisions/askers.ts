import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { networkOf } from "../platform/network.ts";
import { createPlaces } from "../platform/places.ts";
import { limitHandshakes } from "./handshakes.ts";

/** Who may ask, and how many of them at a time. */
export interface AskerLimits {
  readonly mayAsk: (socket: Socket) => boolean;
  /** How many connections gateways may have. */
  readonly maxConnections: () => number;
  /** Told of each gateway's connection that was turned away. */
  readonly onCrowded: (peer: string, why: string) => void;
}

/**
 * What others than gateways have: enough to be told that they may not ask. Their connections never take the places of
 * gateways; a newcomer gets the place of the one that came first.
 */
export const maxStrangers = 16;

/** Bounds the connections to the gateways' port. */
export function limitAskers(server: Server, limits: AskerLimits): void {
  const { mayAsk, maxConnections, onCrowded } = limits;
  const takePlace = createPlaces(() => maxStrangers);
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
}
