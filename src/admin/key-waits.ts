import { createPlaces, type Place } from "../platform/places.ts";
import { BadRequest } from "./answer.ts";
import type { Exchange } from "./endpoint.ts";

/** Has an event wait while `search` looks for its key; rejects with BadRequest if it waits no longer. */
export type WaitForKey = (search: (signal: AbortSignal) => Promise<void>) => Promise<void>;

const maxOfThoseGone = 64;

/** One for all: an error keeps what the functions on its stack use, and the search keeps the error. */
const senderLeft = new BadRequest("the sender has left");

/**
 * Bounds how many events of one endpoint wait for a key whose senders have left: anybody can send events with
 * unknown keys, as large as a body may be, and leave at once. Those whose senders stay are bounded with the
 * connections.
 *
 * A real one is carried out even if its sender has no patience. If there are more, one of the peer that has the
 * most is given up.
 */
export function createKeyWaits(): (exchange: Pick<Exchange, "peer" | "request">) => WaitForKey {
  const takePlace = createPlaces(() => maxOfThoseGone);

  return ({ peer, request: { socket } }) =>
    async (search) => {
      const ending = new AbortController();
      const end = () => ending.abort(senderLeft);
      let place: Place | undefined;
      const leave = () => {
        place = takePlace(peer, end);
        if (place === undefined) end();
      };
      if (socket.destroyed) leave();
      else socket.once("close", leave);
      try {
        await search(ending.signal);
      } finally {
        socket.off("close", leave);
        place?.leave();
      }
    };
}
