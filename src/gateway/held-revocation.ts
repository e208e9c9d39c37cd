import type { Entry, Intent } from "../denylist/denylist.ts";
import { RevocationPendingError } from "../errors.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import { within } from "../platform/within.ts";
import { untilCutOff } from "../revocation/cut-off.ts";
import type { TimeSinceAdmission } from "../revocation/time-since-admission.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Carried, HoldOptions } from "./hold-options.ts";
import { namesSubjectsInResponse, type SubjectName } from "./named-subjects.ts";
import type { Route } from "./route.ts";

/** The subjects that are revoked even if the outcome is unknown. */
export function certainOf({ subjects }: Carried): SubjectName[] {
  return subjects.flatMap(({ name, ifUnknown }) => (ifUnknown === "revoke" ? [name] : []));
}

/** What becomes known of a request when the application has carried it out. */
interface Known {
  readonly named: readonly SubjectName[];
  /** The tokens that the answer hands out. */
  readonly handedOut?: readonly VerifiedToken[];
}

/** What is revoked as of that time if that is known. */
export type EntriesAt = (seconds: EpochSeconds, known: Known) => Entry[];

/** What a hold does once the outcome of its request is known, or is known to stay unknown. */
export interface HeldRevocation {
  readonly note: (known: Known) => Noted;
  readonly revoke: (known: Known) => Promise<void>;
  readonly drop: () => undefined;
  /** Those whose tokens end although the outcome is unknown. */
  readonly namedIfUnknown: () => readonly SubjectName[];
}

/** What is revoked as of the moment in which it was noted. */
export interface Noted {
  readonly entries: readonly Entry[];
  /**
   * Puts it in force at once; if the clock was in doubt in that moment and it turns out that it was later, once more
   * with later cut-offs.
   */
  readonly carryOut: () => Promise<unknown>;
}

/** What a hold is about. */
export interface Held {
  readonly route: Route;
  readonly carried: Carried;
  readonly entriesAt: EntriesAt;
  readonly time: TimeSinceAdmission;
}

/** Revokes with an intent, or drops it. */
export function heldRevocation(intent: Intent, held: Held, options: HoldOptions): HeldRevocation {
  const { route, carried, entriesAt, time } = held;
  const { clock, onHold } = options;
  const note = (known: Known): Noted => {
    if (known.named.includes(undefined)) options.onSubjectUnknown();
    const { seconds, settled } = time.read();
    const entries = entriesAt(seconds, known);
    const correct = async () => {
      if (settled === undefined || !entries.some(({ cutoff }) => cutoff !== undefined)) return;
      const certain = await settled();
      if (Math.floor(certain) <= seconds) return;
      const later = entriesAt(certain, known);
      await Promise.all([intent.revoke(later), untilCutOff(later, clock)]);
    };
    const carryOut = () => Promise.all([intent.revoke(entries), correct()]);
    return { entries, carryOut };
  };
  return {
    note,
    async revoke(known) {
      const { entries, carryOut } = note(known);
      const onEnd = onHold(entries);
      try {
        await within(Promise.all([carryOut(), untilCutOff(entries, clock)]), {
          limitMs: options.holdTimeoutMs,
          tooLate: () => new RevocationPendingError("the revocation takes too long; it continues"),
        });
      } catch (error) {
        onEnd(false);
        throw error;
      }
      onEnd(true);
    },
    drop() {
      intent.drop();
      options.unproven.giveBack(carried.unproven);
    },
    namedIfUnknown() {
      const certain = certainOf(carried);
      if (certain.length < carried.subjects.length) options.onSubjectKept();
      return [...certain, ...(namesSubjectsInResponse(route) ? [undefined] : [])];
    },
  };
}
