import type { Denylist, Entry, Intent, UnknownOutcome } from "../denylist/denylist.ts";
import { RevocationPendingError, StoreUnavailableError } from "../errors.ts";
import type { Clock, EpochSeconds } from "../platform/clock.ts";
import { within } from "../platform/within.ts";
import { untilCutOff } from "../revocation/cut-off.ts";
import { entriesFor, type Lifetimes } from "../revocation/entries.ts";
import { type TimeSinceAdmission, timeSinceAdmission } from "../revocation/time-since-admission.ts";
import type { Names } from "../token/names.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { HeldResponse, Hold } from "../upstream/held-response.ts";
import {
  namesSubjectsInResponse,
  type SubjectInRequest,
  type SubjectName,
  subjectsInResponse,
} from "./named-subjects.ts";
import type { Route } from "./route.ts";
import { any2xx, readSuccess, type SuccessReading } from "./success.ts";
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
  /** Told if an answer came from which nobody can tell whether the application did it. */
  readonly onUnreadable: () => void;
  /** Told of a redirection, which counts as a failure unless the rule says otherwise. */
  readonly onRedirection: (status: number) => void;
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
  if (carried.tokens.length + carried.subjects.length === 0 && subjectsFrom === undefined)
    return undefined;
  const { clock, lifetimes, denylist, unproven } = options;
  if (!unproven.take(carried.unproven)) {
    return Promise.reject(new StoreUnavailableError("too many unproven revocations"));
  }
  const time = timeSinceAdmission(clock);
  const entriesAt: EntriesAt = (seconds, named) => {
    const subjects = named.filter((name) => name !== undefined);
    return entriesFor({ scope, tokens: carried.tokens, subjects }, seconds, lifetimes);
  };
  const intended = within(denylist.intend(entriesAt(time.admittedSeconds, certainOf(carried))), {
    limitMs: options.holdTimeoutMs,
    tooLate: () => new StoreUnavailableError("the journal takes too long to note the request"),
    // The request has been refused: nothing will be done.
    onLate(intent) {
      intent.drop();
      unproven.giveBack(carried.unproven);
    },
  });
  return intended.then((intent) => holdWith(intent, { route, carried, entriesAt, time }, options));
}

/** The subjects that are revoked even if nobody can know what the application did. */
function certainOf({ subjects }: Carried): SubjectName[] {
  return subjects.flatMap(({ name, ifUnknown }) => (ifUnknown === "revoke" ? [name] : []));
}

/** What is revoked as of that time where these subjects are named. */
type EntriesAt = (seconds: EpochSeconds, named: readonly SubjectName[]) => Entry[];

/** What a hold does when it is known what the application did, or that nobody can know. */
interface Acts {
  readonly note: (named: readonly SubjectName[]) => Noted;
  readonly revoke: (named: readonly SubjectName[]) => Promise<void>;
  readonly drop: () => undefined;
  /** Those whose tokens end although nobody can know what was done. */
  readonly namedIfUnknown: () => readonly SubjectName[];
}

/** What is revoked as of the moment in which it was noted. */
interface Noted {
  readonly entries: readonly Entry[];
  /**
   * Puts it in force at once; if the clock was in doubt in that moment and it turns out that it was later, once more
   * with later cut-offs.
   */
  readonly carryOut: () => Promise<unknown>;
}

/** What a hold is about. */
interface Held {
  readonly route: Route;
  readonly carried: Carried;
  readonly entriesAt: EntriesAt;
  readonly time: TimeSinceAdmission;
}

function actsOn(intent: Intent, held: Held, options: HoldOptions): Acts {
  const { route, carried, entriesAt, time } = held;
  const { clock, onHold } = options;
  const note = (named: readonly SubjectName[]): Noted => {
    if (named.includes(undefined)) options.onSubjectUnknown();
    const { seconds, settled } = time.read();
    const entries = entriesAt(seconds, named);
    const correct = async () => {
      if (settled === undefined || !entries.some(({ cutoff }) => cutoff !== undefined)) return;
      const certain = await settled();
      if (Math.floor(certain) <= seconds) return;
      const later = entriesAt(certain, named);
      await Promise.all([intent.revoke(later), untilCutOff(later, clock)]);
    };
    const carryOut = () => Promise.all([intent.revoke(entries), correct()]);
    return { entries, carryOut };
  };
  return {
    note,
    async revoke(named) {
      const { entries, carryOut } = note(named);
      const onEnd = onHold(entries);
      try {
        await within(Promise.all([carryOut(), untilCutOff(entries, clock)]), {
          limitMs: options.holdTimeoutMs,
          tooLate: () => new RevocationPendingError("the revocation takes too long; it goes on"),
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

function holdWith(intent: Intent, held: Held, options: HoldOptions): Hold {
  const { route, carried } = held;
  const { onUnknownOutcome } = options;
  const acts = actsOn(intent, held, options);
  const onSuccess = (response: HeldResponse) => {
    const subjects = carried.subjects.map(({ name }) => name);
    if (!namesSubjectsInResponse(route)) return acts.revoke(subjects);
    const found = subjectsInResponse(route, response, options);
    return found.then((more) => acts.revoke([...subjects, ...more]));
  };
  const onUnreadable = () => {
    options.onUnreadable();
    if (onUnknownOutcome === "keep") return acts.drop();
    const named = acts.namedIfUnknown();
    const endsNothing = carried.tokens.length === 0 && named.every((name) => name === undefined);
    return endsNothing ? acts.drop() : acts.revoke(named);
  };
  const act = (reading: SuccessReading, response: HeldResponse): Promise<void> | undefined => {
    if (reading === "success") return onSuccess(response);
    return reading === "unknown" ? onUnreadable() : acts.drop();
  };
  return {
    onResponse(head) {
      const { success } = route;
      const response = readOnce(head);
      if (success === undefined && isRedirection(head)) options.onRedirection(head.status);
      const reading = readSuccess(success ?? [any2xx], response, options.bodyBytes);
      return reading instanceof Promise
        ? reading.then((late) => act(late, response))
        : act(reading, response);
    },
    async onLost(sent) {
      if (!sent || onUnknownOutcome === "keep") return acts.drop();
      const { entries, carryOut } = acts.note(acts.namedIfUnknown());
      if (entries.length === 0) return acts.drop();
      options.onLost(entries);
      // Where it is pending, it is in force here and is tried again: nobody waits for it.
      await carryOut().catch(() => {});
    },
  };
}

/** The same response, whose body may be asked for more than once. */
function readOnce(held: HeldResponse): HeldResponse {
  let body: Promise<Buffer | undefined> | undefined;
  return {
    status: held.status,
    headers: held.headers,
    readBody(maxBytes) {
      body ??= held.readBody(maxBytes);
      return body;
    },
  };
}

function isRedirection({ status }: HeldResponse): boolean {
  return status >= 300 && status < 400 && status !== 304;
}
