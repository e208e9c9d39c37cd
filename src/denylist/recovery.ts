import type { Clock } from "../platform/clock.ts";
import { type Entry, hasCutoff, type UnknownOutcome } from "./denylist.ts";
import type { Journal } from "./journal/journal.ts";

/** What becomes of requests that were in progress when the process before this one died. */
export interface RecoveryOptions {
  readonly clock: Clock;
  readonly onUnknownOutcome: UnknownOutcome;
  readonly revoke: (entries: readonly Entry[], settles: number) => Promise<void>;
}

/** Deals with what a crash left unfinished: what the application has done is unknown. */
export async function recover(
  journal: Pick<Journal, "unsettled" | "settle">,
  { clock, onUnknownOutcome, revoke }: RecoveryOptions,
): Promise<void> {
  for (const { id, entries } of journal.unsettled) {
    if (onUnknownOutcome === "keep") journal.settle(id);
    // A disk that fails keeps no sidecar from starting: they are in force, and written as soon as it works.
    else await revoke(cutOffNow(entries, clock), id).catch(() => {});
  }
}

/**
 * What was intended may have happened at any time since: cut-offs are those of now.
 *
 * The deadline moves with the cut-off: tokens that were issued up to now live that much longer.
 */
function cutOffNow(entries: readonly Entry[], clock: Clock): Entry[] {
  const now = Math.floor(clock.nowSeconds());
  return entries.map((entry) => {
    if (!hasCutoff(entry.kind)) return entry;
    const { cutoff: intended = now, expiresAt } = entry;
    const cutoff = Math.max(intended, now);
    return { ...entry, cutoff, expiresAt: expiresAt + cutoff - intended };
  });
}
