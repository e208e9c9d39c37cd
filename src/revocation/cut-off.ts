import { setTimeout as sleep } from "node:timers/promises";
import type { Entry } from "../denylist/denylist.ts";
import { StoreUnavailableError } from "../errors.ts";
import type { Clock, EpochSeconds } from "../platform/clock.ts";
import { largestOf } from "../platform/extremes.ts";

/**
 * The time, for a cut-off. Throws StoreUnavailableError while it is in doubt: no cut-off can be made then.
 *
 * One that is made by a clock that lags ends nothing, and one by a clock that is ahead locks out
 * the next login.
 */
export function certainSeconds(clock: Clock): EpochSeconds {
  const { seconds, doubt } = readTime(clock);
  if (doubt === undefined) return seconds;
  throw new StoreUnavailableError(`a subject's tokens cannot be ended at present: ${doubt}`);
}

/** The time, and why it is in doubt: the clock may jump between two looks at it. */
export function readTime(clock: Clock): Pick<Clock, "doubt"> & { readonly seconds: EpochSeconds } {
  const before = clock.doubt;
  const seconds = clock.nowSeconds();
  return { seconds, doubt: before ?? clock.doubt };
}

/**
 * Resolves when tokens that are issued from now on are behind the entries' cut-offs.
 *
 * A user who has changed a password logs in again at once: that token must not be taken for one that was
 * issued earlier in the same second. While the clock is in doubt it cannot say when the second ends; no cut-off
 * lies in the future, so that a second from now is enough.
 */
export async function untilCutOff(entries: readonly Entry[], clock: Clock): Promise<void> {
  const cutoff = largestOf(entries, (entry) => entry.cutoff ?? Number.NEGATIVE_INFINITY);
  if (cutoff === Number.NEGATIVE_INFINITY) return;
  const overMs = performance.now() + 1000;
  for (;;) {
    const { seconds, doubt } = readTime(clock);
    const leftMs = doubt === undefined ? (cutoff + 1 - seconds) * 1000 : overMs - performance.now();
    if (!(leftMs > 0)) return;
    // A timer may go off a fraction of a millisecond early: then it is asked again.
    await sleep(leftMs);
  }
}
