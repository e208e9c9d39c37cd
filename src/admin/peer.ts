import type { Socket } from "node:net";
import { networkOf } from "../platform/network.ts";

/** What limits take for one peer: an IPv4 address, or an IPv6 network of 64 bits. */
export function peerOf({ remoteAddress = "unknown" }: Pick<Socket, "remoteAddress">): string {
  return networkOf(remoteAddress.replace(/^::ffff:(?=\d+\.)/i, ""));
}
