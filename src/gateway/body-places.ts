import type { HeaderList } from "../http/field-lines.ts";
import { networkOf } from "../platform/network.ts";
import { createPlaces } from "../platform/places.ts";
import { clientAddress } from "./client-address.ts";
import type { Peer } from "./peer.ts";

/**
 * Takes a place for a request whose body is to be read before it is known whether it may pass; returns what makes
 * the place free. Calls back if it is given to another: then the body must be let go.
 */
export type TakeBodyPlace = (
  client: { readonly peer: Peer; readonly headers: HeaderList },
  onGivenAway: () => void,
) => () => void;

/** Together bodies take about this much, and twice as much while they grow, whatever their senders do. */
const maxBytesTogether = 64 * 1024 * 1024;
const [fewest, most] = [256, 1024];

/** Bounds how many bodies of up to so many bytes are read at once: the client that sends the most loses its oldest. */
export function createBodyPlaces(bodyBytes: number): TakeBodyPlace {
  const max = Math.min(most, Math.max(fewest, Math.floor(maxBytesTogether / bodyBytes)));
  const takePlace = createPlaces(() => max);
  return ({ peer, headers }, onGivenAway) => {
    const place = takePlace(networkOf(clientAddress(peer, headers) ?? peer.address), onGivenAway);
    return () => place?.leave();
  };
}
