import type { Denylist, Entry, UnknownOutcome } from "../denylist/denylist.ts";
import type { Clock } from "../platform/clock.ts";
import type { Lifetimes } from "../revocation/entries.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Verifier } from "../token/verifier.ts";
import type { SubjectInRequest } from "./named-subjects.ts";
import type { UnprovenBudget } from "./unproven.ts";

/** What a hold revokes with, and who is told. */
export interface HoldOptions {
  readonly denylist: Pick<Denylist, "intend" | "knownBeginning">;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly onUnknownOutcome: UnknownOutcome;
  /** What names the subject that a response names, and checks the tokens that it hands out. */
  readonly verifier: Verifier;
  /** How long the note before a request, and the revocation behind its 2xx, may take, in milliseconds. */
  readonly holdTimeoutMs: number;
  /** How many bytes of a response are read for the sake of the subject that it names. */
  readonly bodyBytes: number;
  /** Told when a hold begins, and of what is revoked; what it returns is told when the hold ends. */
  readonly onHold: (entries: readonly Entry[]) => (released: boolean) => void;
  /** Told of what is revoked because the outcome at the application is unknown. */
  readonly onLost: (entries: readonly Entry[]) => void;
  /** Told if a session should have ended, and the request's tokens name none and were linked to none. */
  readonly onSessionUnknown: () => void;
  /** Told if the application did something to a subject and neither side names it. */
  readonly onSubjectUnknown: () => void;
  /** Told if an answer does not show whether the application did it. */
  readonly onUnreadable: () => void;
  /** Told of the tokens that an answer handed out, when others of their subjects have ended. */
  readonly onHandedOut: (tokens: readonly VerifiedToken[]) => void;
  /** Told if an answer handed out no token that can be spared, where some should be. */
  readonly onNothingHandedOut: () => void;
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
  /** Those that stay where all others end. */
  readonly kept?: readonly VerifiedToken[] | undefined;
  /** The subjects that it names. */
  readonly subjects: readonly SubjectInRequest[];
  /** How many of these revocations rest on the request alone. */
  readonly unproven: number;
}
