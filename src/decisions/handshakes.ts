import type { Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import { networkOf } from "../platform/network.ts";
import { createPlaces } from "../platform/places.ts";

/** Who is told of a connection that had to go, and what is done with one that has come to TLS. */
export interface HandshakeOptions {
  readonly onCrowded: (peer: string, why: string) => void;
  readonly onSecure: (socket: Socket) => void;
}

/**
 * How many connections may be on their way to TLS. Beyond it the network with the most of them loses the one that
 * came first, so that others get in whatever one peer leaves undone.
 */
export const maxHandshakes = 64;

/**
 * Bounds the connections of a server that have not come to TLS yet: only then a certificate tells a gateway from
 * its neighbours. Returns what begins one; `onSecure` is told of no others.
 */
export function limitHandshakes(
  server: TlsServer,
  { onCrowded, onSecure }: HandshakeOptions,
): (socket: Socket) => void {
  const takePlace = createPlaces(() => maxHandshakes);
  const ends = new Map<string, () => void>();
  server.on("secureConnection", (socket) => {
    const end = ends.get(peerOf(socket));
    if (end === undefined) return;
    end();
    onSecure(socket);
  });
  return (socket) => {
    const address = socket.remoteAddress ?? "unknown";
    const place = takePlace(networkOf(address), () => {
      onCrowded(address, "too many connections that have not come to TLS");
      socket.destroy();
    });
    if (place === undefined) return void socket.destroy();
    const key = peerOf(socket);
    const end = () => {
      place.leave();
      if (ends.get(key) === end) ends.delete(key);
    };
    ends.set(key, end);
    socket.once("close", end);
  };
}

/** Names both the connection and what TLS makes of it, which Node gives no other way to tell. */
const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;
