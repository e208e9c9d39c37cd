import type { Clock } from "../platform/clock.ts";
import type { Entry } from "./denylist.ts";

/** A cut-off of a moment that is still to come: until then its subject's new tokens are refused, too. */
export interface CutoffAhead {
  readonly entry: Entry;
  /** How long until then, in seconds. */
  readonly seconds: number;
}

/** Told of cut-offs that no sidecar whose clock is right can have made. */
export type OnCutoffAhead = (ahead: CutoffAhead) => void;

/**
 * Looks for cut-offs that lie in the future: by more than the clocks of the sidecar that made one and of this one may
 * differ.
 *
 * They are believed anyway: if the clocks of a whole fleet were ahead and have been set right, so are the tokens
 * which these end. But somebody else who writes to Redis can lock a subject out by one, and that must be seen.
 */
export function watchCutoffs(
  clock: Clock,
  apartSeconds: () => number,
  onAhead: OnCutoffAhead,
): (entries: readonly Entry[]) => void {
  return (entries) => {
    const latest = clock.nowSeconds() + apartSeconds();
    for (const entry of entries) {
      const { cutoff } = entry;
      if (cutoff !== undefined && cutoff > latest) {
        onAhead({ entry, seconds: Math.ceil(cutoff - clock.nowSeconds()) });
      }
    }
  };
}
