import { isIP } from "node:net";
import type { HeaderList } from "../http/field-lines.ts";
import { networkOf } from "../platform/network.ts";
import type { Peer } from "./peer.ts";

/** The network that a request comes from, as clients are told apart that have to take turns. */
export function clientNetwork({
  peer,
  headers,
}: {
  readonly peer: Peer;
  readonly headers: HeaderList;
}): string {
  return networkOf(clientAddress(peer, headers) ?? peer.address);
}

/**
 * The client's address as trusted proxies tell it, for the log; undefined if the peer is none, or tells none.
 *
 * Read from the right of `X-Forwarded-For`, else of `Forwarded`: the first address that is no trusted proxy's.
 * What stands left of it anybody can have written; what is no address ends the search.
 */
export function clientAddress(peer: Peer, headers: HeaderList): string | undefined {
  if (!peer.trusted) return undefined;
  let client: string | undefined;
  for (const text of forwardedFor(headers).reverse()) {
    const address = readAddress(text);
    if (address === undefined) return client;
    client = address;
    if (!peer.trusts(address)) return client;
  }
  return client;
}

function forwardedFor(headers: HeaderList): string[] {
  const lines = headers.all("x-forwarded-for");
  if (lines.length > 0) return lines.flatMap((line) => line.split(","));
  const elements = headers.all("forwarded").flatMap((line) => line.split(","));
  return elements.map((element) => /(?:^|;)\s*for\s*=\s*("?)([^";]*)\1/i.exec(element)?.[2] ?? "");
}

/** An address, with or without a port; undefined if it is none, such as `unknown` or a made-up name. */
function readAddress(text: string): string | undefined {
  const bare = text.trim();
  const [, bracketed, plain] = /^\[([^\]]*)\](?::\d+)?$|^([\d.]+):\d+$/.exec(bare) ?? [];
  const address = (bracketed ?? plain ?? bare).replace(/^::ffff:(?=\d+\.)/i, "");
  return isIP(address) === 0 || address.includes("%") ? undefined : address;
}
