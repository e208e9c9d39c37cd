import { setTimeout as sleep } from "node:timers/promises";
import type { Denylist, Entry, Intent, UnknownOutcome } from "../denylist/denylist.ts";
import type { Clock } from "../platform/clock.ts";
import type { VerifiedToken } from "../token/verifier.ts";
import type { Hold } from "../upstream/forward-request.ts";
import { entriesFor, type Lifetimes } from "./revocation.ts";
import type { Route } from "./route.ts";

/** What a hold revokes with, and who is told. */
export interface HoldOptions {
  readonly denylist: Pick<Denylist, "intend">;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly onUnknownOutcome: UnknownOutcome;
  /** Told when a hold begins, and of what is revoked; what it returns is told when the hold ends. */
  readonly onHold: (entries: readonly Entry[]) => (released: boolean) => void;
  /** Told of what is revoked because nobody can know what the application did. */
  readonly onLost: (entries: readonly Entry[]) => void;
}

/**
 * The hold on a revoking route, or undefined where a 2xx would revoke nothing.
 *
 * When it resolves, the intent is on disk and the request may go. The application's 2xx is then released
 * when the revocation is durable and in force, any other status at once; an answer that never comes
 * counts as a 2xx if the application may have had the request.
 */
export function holdFor(
  route: Route,
  tokens: readonly VerifiedToken[],
  options: HoldOptions,
): Promise<Hold> | undefined {
  const { revoke } = route;
  if (revoke === undefined || tokens.length === 0) return undefined;
  const { clock, lifetimes, denylist } = options;
  const entries = () => entriesFor(revoke, tokens, clock.nowSeconds(), lifetimes);
  return denylist.intend(entries()).then((intent) => holdWith(intent, entries, options));
}

function holdWith(intent: Intent, entriesNow: () => Entry[], options: HoldOptions): Hold {
  const { clock, onUnknownOutcome, onHold, onLost } = options;
  return {
    onStatus(status) {
      if (status < 200 || status > 299) {
        intent.drop();
        return undefined;
      }
      const entries = entriesNow();
      const onEnd = onHold(entries);
      const revoked = Promise.all([intent.revoke(entries), untilCutOff(entries, clock)]);
      return revoked.then(
        () => onEnd(true),
        (cause) => {
          onEnd(false);
          throw cause;
        },
      );
    },
    async onLost(sent) {
      if (!sent || onUnknownOutcome === "keep") return intent.drop();
      const entries = entriesNow();
      onLost(entries);
      // Where it is pending, it is in force here and is tried again: nobody waits for it.
      await intent.revoke(entries).catch(() => {});
    },
  };
}

/**
 * Resolves when tokens that are issued from now on are behind the entries' cut-offs.
 *
 * Whoever has changed a password logs in again at once: that token must not be taken for one of those
 * that were issued in the same second before.
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
