import { type Clock, largestToleranceSeconds } from "../platform/clock.ts";
import type { Entry } from "./denylist.ts";

/** A cut-off of a moment that is still to come: until then its subject's new tokens are refused, too. */
export interface CutoffAhead {
  readonly entry: Entry;
  /** How long until then, in seconds. */
  readonly seconds: number;
}

/** Told of cut-offs that no sidecar whose clock is right can have made. */
export type OnCutoffAhead = (ahead: CutoffAhead) => void;

/** By how much the clock of the sidecar that made a cut-off and this one's may differ. */
const apartSeconds = 2 * largestToleranceSeconds;

/**
 * Looks for cut-offs that lie in the future.
 *
 * They are believed all the same: if the clocks of a whole fleet were ahead and have been set right, so are the tokens
 * which these end. But somebody else who writes to Redis can lock a subject out by one, and that must be seen.
 */
export function watchCutoffs(
  clock: Clock,
  onAhead: OnCutoffAhead,
): (entries: readonly Entry[]) => void {
  return (entries) => {
    const now = clock.nowSeconds();
    for (const entry of entries) {
      const { cutoff } = entry;
      if (cutoff !== undefined && cutoff > now + apartSeconds) {
        onAhead({ entry, seconds: Math.ceil(cutoff - now) });
      }
    }
  };
}
