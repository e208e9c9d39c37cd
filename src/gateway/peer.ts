import type { Socket } from "node:net";
import ipaddr from "ipaddr.js";

/** The other end of a connection. */
export interface Peer {
  /** Its address; an IPv4 address that arrived over IPv6 is written as IPv4. */
  readonly address: string;
  /** Whether it is a proxy that may say who stands behind it. */
  readonly trusted: boolean;
  readonly proto: "http" | "https";
}

/** Makes the reader of peers; `trustedProxies` are addresses or CIDR ranges. It reads each connection once. */
export function createPeerReader(trustedProxies: readonly string[]): (socket: Socket) => Peer {
  const ranges = trustedProxies.map(parseRange);
  const known = new WeakMap<Socket, Peer>();

  return (socket) => {
    let peer = known.get(socket);
    if (peer === undefined) {
      peer = readPeer(socket, ranges);
      known.set(socket, peer);
    }
    return peer;
  };
}

type Range = ReturnType<typeof ipaddr.parseCIDR>;

/** Throws where the text is neither an address nor a range. */
export function parseRange(text: string): Range {
  if (text.includes("/")) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}

function readPeer(socket: Socket, ranges: readonly Range[]): Peer {
  const proto = "encrypted" in socket ? "https" : "http";
  if (socket.remoteAddress === undefined) return { address: "unknown", trusted: false, proto };
  const address = ipaddr.process(socket.remoteAddress);
  const trusted = ranges.some(
    ([network, bits]) =>
      network.kind() === address.kind() && address.match([network, bits] as never),
  );
  return { address: address.toString(), trusted, proto };
}
