import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { Peer } from "../gateway/peer.ts";
import { onNewConnection } from "../node-http/client-connections.ts";
import { lineOf, stateOf } from "../node-http/in-order.ts";
import { unsentBytes } from "../node-http/unsent-bytes.ts";
import type { Crowding } from "../observability/metrics/requests.ts";
import { networkOf } from "../platform/network.ts";
import { ConnectionPlaces, type Standing } from "./connection-places.ts";
import { owesBody } from "./stalled-clients.ts";

/** The bound on clients' connections, and who is told of each that had to go. */
export interface ConnectionLimit {
  readonly max: () => number;
  readonly readPeer: (socket: Socket) => Peer;
  /** Those that speak HTTP/2, which close in a way of their own. */
  readonly http2: Http2Standings;
  readonly onCrowded: (crowding: Crowding) => void;
}

/** What is known of connections of HTTP/2. */
export interface Http2Standings {
  has(socket: Socket): boolean;
  standingOf(socket: Socket): Standing;
  /** Closes one. */
  end(socket: Socket): void;
}

/**
 * Bounds the connections that clients may have: what was accepted counts, whether it has come to TLS or not.
 *
 * A trusted proxy's connection counts as a network of its own: it stands for many clients, and which ones
 * it does not say before a request comes.
 */
export function limitConnections(server: Server, limit: ConnectionLimit): void {
  const { max, readPeer, http2, onCrowded } = limit;
  const places = new ConnectionPlaces(max, () => performance.now());
  const known = new WeakSet<Socket>();
  const clientOf =
    server instanceof TlsServer ? watchHandshakes(server) : (socket: Socket) => socket;
  let fromProxies = 0;

  server.on("connection", (socket: Socket) => {
    // Given back, see ignored-upgrades.ts.
    if (known.has(socket)) return;
    known.add(socket);
    const { address, trusted } = readPeer(socket);
    fromProxies += trusted ? 1 : 0;
    const network = trusted ? `proxy ${fromProxies}` : networkOf(address);
    const leave = places.take(network, {
      get standing() {
        const client = clientOf(socket);
        return http2.has(client) ? http2.standingOf(client) : standingOf(client);
      },
      giveWay() {
        onCrowded("gave_way");
        const client = clientOf(socket);
        if (http2.has(client)) http2.end(client);
        else client.destroy();
      },
    });
    if (leave === undefined) {
      onCrowded("turned_away");
      socket.destroy();
    } else socket.once("close", leave);
  });
}

/** Tells what TLS has made of a connection: itself until then. */
function watchHandshakes(server: Server): (socket: Socket) => Socket {
  const secured = new Map<string, Socket>();
  onNewConnection(server, (socket) => {
    const ends = endsOf(socket);
    secured.set(ends, socket);
    socket.once("close", () => {
      if (secured.get(ends) === socket) secured.delete(ends);
    });
  });
  return (socket) => secured.get(endsOf(socket)) ?? socket;
}

/** Names both the connection and what TLS makes of it, which Node gives no other way to tell. */
const endsOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;

/** What a connection of HTTP/1.1 is open for. */
function standingOf(socket: Socket): Standing {
  if (lineOf(socket).upgraded) return "work";
  if (unsentBytes(socket) !== undefined || owesBody(socket)) return "client";
  return stateOf(socket) === "answering" ? "work" : "idle";
}
