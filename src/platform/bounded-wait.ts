import { createPlaces, type Place } from "./places.ts";

/** Waits until `ready` has resolved; resolves to false if it had to make room for others. Rejects as `ready` does. */
export type BoundedWait = (peer: string, ready: Promise<unknown>) => Promise<boolean>;

/**
 * Makes what bounds how many wait for the same things at once, as anybody may: beyond `max`, the peer that has
 * the most loses the one that came first.
 *
 * They go on one after the other, each in a turn of the event loop of its own: what all of them do then would
 * hold everybody else up if it were done together.
 */
export function createBoundedWait(max: number): BoundedWait {
  const takePlace = createPlaces(() => max);
  let last: Promise<unknown> = Promise.resolve();
  const nextTurn = () => {
    last = last.then(() => new Promise((resolve) => setImmediate(resolve)));
    return last;
  };

  return async (peer, ready) => {
    let place: Place | undefined;
    let isGivenAway = false;
    const givenAway = new Promise<false>((resolve) => {
      place = takePlace(peer, () => {
        isGivenAway = true;
        resolve(false);
      });
    });
    const turn = ready.then(() => isGivenAway || nextTurn()).then(() => true as const);
    try {
      return await Promise.race([turn, givenAway]);
    } finally {
      place?.leave();
    }
  };
}
