import { type BoundedWait, createBoundedWait } from "../platform/bounded-wait.ts";
import { BadRequest } from "./answer.ts";
import type { AdminExchange } from "./endpoint.ts";

/** Has an event wait until something is ready; rejects with BadRequest if it has to make room for others. */
export type EventWait = (ready: Promise<void>) => Promise<void>;

/** How an event waits: for its turn to be looked at, and then for its key, if that is not there. */
export interface EventWaits {
  readonly turn: EventWait;
  readonly key: EventWait;
}

/** Events that are whole: no more than connections hold. */
const maxInLine = 512;
const maxForKeys = 64;

/**
 * Bounds how many events of one endpoint wait, and has them looked at one by one: anybody can send events with
 * unknown keys, as large as a body may be, and leave at once or stay. A real one is carried out even if its sender
 * has no patience.
 */
export function createEventWaits(): (exchange: Pick<AdminExchange, "peer">) => EventWaits {
  const [turn, key] = [createBoundedWait(maxInLine), createBoundedWait(maxForKeys)];
  const orCrowded =
    (wait: BoundedWait, peer: string): EventWait =>
    async (ready) => {
      if (await wait(peer, ready)) return;
      const message = "too many events wait to be verified";
      throw new BadRequest(message, { status: 503, error: "crowded" });
    };
  return ({ peer }) => ({ turn: orCrowded(turn, peer), key: orCrowded(key, peer) });
}
