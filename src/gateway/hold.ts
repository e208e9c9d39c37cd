import type { Denylist, Entry, Intent, UnknownOutcome } from "../denylist/denylist.ts";
import { RevocationPendingError, StoreUnavailableError } from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import { within } from "../platform/within.ts";
import { untilCutOff } from "../revocation/cut-off.ts";
import { entriesFor, type Lifetimes } from "../revocation/entries.ts";
import type { Names } from "../token/names.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Hold } from "../upstream/held-response.ts";
import {
  namesSubjectsInResponse,
  type SubjectInRequest,
  type SubjectName,
  subjectsInResponse,
} from "./named-subjects.ts";
import type { Route } from "./route.ts";
import type { UnprovenBudget } from "./unproven.ts";

/** What a hold revokes with, and who is told. */
export interface HoldOptions {
  readonly denylist: Pick<Denylist, "intend">;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly onUnknownOutcome: UnknownOutcome;
  /** What names the subject that a response names. */
  readonly names: Names;
  /** How long the note before a request, and the revocation behind its 2xx, may take, in milliseconds. */
  readonly holdTimeoutMs: number;
  /** How many bytes of a response are read for the sake of the subject that it names. */
  readonly bodyBytes: number;
  /** Told when a hold begins, and of what is revoked; what it returns is told when the hold ends. */
  readonly onHold: (entries: readonly Entry[]) => (released: boolean) => void;
  /** Told of what is revoked because nobody can know what the application did. */
  readonly onLost: (entries: readonly Entry[]) => void;
  /** Told where something was done to a subject of which nobody can tell who it is. */
  readonly onSubjectUnknown: () => void;
  /** Told if a subject that the request alone names keeps its tokens, because the outcome is unknown. */
  readonly onSubjectKept: () => void;
  /** What revocations may rest on a request alone. */
  readonly unproven: UnprovenBudget;
}

/** What a request to a revoking route brings along. */
export interface Carried {
  readonly tokens: readonly VerifiedToken[];
  /** The subjects that it names. */
  readonly subjects: readonly SubjectInRequest[];
  /** How many of these revocations rest on the request alone. */
  readonly unproven: number;
}

/**
 * The hold on a revoking route, or undefined where a 2xx would revoke nothing.
 *
 * When it resolves, the intent is on disk and the request may go. The application's 2xx is then released
 * when the revocation is durable and in force, any other status at once; an answer that never comes
 * counts as a 2xx if the application may have had the request. A subject that only the answer names can't
 * be noted before: a crash in between loses it, and whoever waits for that answer asks again. Nor is one
 * noted that the request alone names, unless configured: anybody could have named it.
 *
 * Rejects, and notes nothing, if too many revocations rest on requests alone.
 */
export function holdFor(
  route: Route,
  carried: Carried,
  options: HoldOptions,
): Promise<Hold> | undefined {
  const { revoke: scope, subjectsFrom } = route;
  if (scope === undefined) return undefined;
  if (carried.tokens.length === 0 && subjectsFrom === undefined) return undefined;
  const { clock, lifetimes, denylist, unproven } = options;
  if (!unproven.take(carried.unproven)) {
    return Promise.reject(new StoreUnavailableError("too many unproven revocations"));
  }
  const entriesNow: EntriesNow = (named) => {
    const subjects = named.filter((name) => name !== undefined);
    return entriesFor({ scope, tokens: carried.tokens, subjects }, clock.nowSeconds(), lifetimes);
  };
  const intended = within(denylist.intend(entriesNow(certainOf(carried))), {
    limitMs: options.holdTimeoutMs,
    tooLate: () => new StoreUnavailableError("the journal takes too long to note the request"),
    // The request has been refused: nothing will be done.
    onLate(intent) {
      intent.drop();
      unproven.giveBack(carried.unproven);
    },
  });
  return intended.then((intent) => holdWith(intent, { route, carried, entriesNow }, options));
}

/** The subjects that are revoked even if nobody can know what the application did. */
function certainOf({ subjects }: Carried): SubjectName[] {
  return subjects.flatMap(({ name, ifUnknown }) => (ifUnknown === "revoke" ? [name] : []));
}

/** What is revoked as of now where these subjects are named. */
type EntriesNow = (named: readonly SubjectName[]) => Entry[];

function holdWith(
  intent: Intent,
  { route, carried, entriesNow }: { route: Route; carried: Carried; entriesNow: EntriesNow },
  options: HoldOptions,
): Hold {
  const { clock, onUnknownOutcome, onHold, onLost } = options;
  const note = (named: readonly SubjectName[]) => {
    if (named.includes(undefined)) options.onSubjectUnknown();
    return entriesNow(named);
  };
  const revoke = async (named: readonly SubjectName[]) => {
    const entries = note(named);
    const onEnd = onHold(entries);
    try {
      await within(Promise.all([intent.revoke(entries), untilCutOff(entries, clock)]), {
        limitMs: options.holdTimeoutMs,
        tooLate: () => new RevocationPendingError("the revocation takes too long; it goes on"),
      });
    } catch (error) {
      onEnd(false);
      throw error;
    }
    onEnd(true);
  };
  const drop = () => {
    intent.drop();
    options.unproven.giveBack(carried.unproven);
  };
  return {
    onResponse(response) {
      if (response.status < 200 || response.status > 299) {
        drop();
        return undefined;
      }
      const subjects = carried.subjects.map(({ name }) => name);
      if (!namesSubjectsInResponse(route)) return revoke(subjects);
      const found = subjectsInResponse(route, response, options);
      return found.then((more) => revoke([...subjects, ...more]));
    },
    async onLost(sent) {
      if (!sent || onUnknownOutcome === "keep") return drop();
      const certain = certainOf(carried);
      if (certain.length < carried.subjects.length) options.onSubjectKept();
      const unnamed = namesSubjectsInResponse(route) ? [undefined] : [];
      const entries = note([...certain, ...unnamed]);
      if (entries.length === 0) return drop();
      onLost(entries);
      // Where it is pending, it is in force here and is tried again: nobody waits for it.
      await intent.revoke(entries).catch(() => {});
    },
  };
}
