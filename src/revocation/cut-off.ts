import { setTimeout as sleep } from "node:timers/promises";
import type { Entry } from "../denylist/denylist.ts";
import type { Clock } from "../platform/clock.ts";

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
