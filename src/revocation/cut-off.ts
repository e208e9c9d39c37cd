import { setTimeout as sleep } from "node:timers/promises";
import type { Entry } from "../denylist/denylist.ts";
import { StoreUnavailableError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";

/**
 * Throws StoreUnavailableError while the time is in doubt: no cut-off can be made then.
 *
 * One that is made by a clock which is behind ends nothing, and one by a clock that is ahead locks out
 * whoever logs in next.
 */
export function requireCertainTime({ doubt }: Clock): void {
  if (doubt !== undefined) {
    throw new StoreUnavailableError(`a subject's tokens cannot be ended at present: ${doubt}`);
  }
}

/**
 * Resolves when tokens that are issued from now on are behind the entries' cut-offs.
 *
 * A user who has changed a password logs in again at once: that token must not be taken for one that was
 * issued earlier in the same second.
 */
export async function untilCutOff(entries: readonly Entry[], clock: Clock): Promise<void> {
  const cutoff = Math.max(...entries.map((entry) => entry.cutoff ?? Number.NEGATIVE_INFINITY));
  for (;;) {
    const leftMs = (cutoff + 1 - clock.nowSeconds()) * 1000;
    if (!(leftMs > 0)) return;
    // A timer may go off a fraction of a millisecond early: then it is asked again.
    await sleep(leftMs);
  }
}
