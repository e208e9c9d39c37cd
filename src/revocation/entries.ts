import { type Entry, type EntryKind, keyOfName } from "../denylist/denylist.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import type { Name } from "../token/names.ts";
import type { VerifiedToken } from "../token/verifier.ts";

/** What a 2xx on a revoking route ends: the token that the request carried, or all of its subject's. */
export const revocationScopes = ["token", "subject"] as const;
/** One of them. */
export type RevocationScope = (typeof revocationScopes)[number];

/** For how long tokens live, and so for how long it must be remembered that they are dead. In seconds. */
export interface Lifetimes {
  /** By which clocks may differ: a token counts that much longer than its `exp`. */
  readonly clockToleranceSeconds: number;
  /** The longest life of a token that is accepted. */
  readonly maxLifetimeSeconds: number;
}

/** The revocation of this token alone: in force until nobody accepts the token any more anyway. */
export function tokenEntry(
  token: VerifiedToken,
  { clockToleranceSeconds }: Pick<Lifetimes, "clockToleranceSeconds">,
): Entry {
  const expiresAt = token.expiresAt + clockToleranceSeconds;
  return { kind: "tok", value: token.id, former: formerIn(token, "tok"), expiresAt };
}

/** What a token's subject is called; undefined if it has none. */
function subjectOf(token: VerifiedToken): Name | undefined {
  const { subject } = token;
  return subject === undefined ? undefined : { value: subject, former: formerIn(token, "sub") };
}

function formerIn({ former = [] }: VerifiedToken, kind: EntryKind): string[] {
  return former.flatMap((name) => (name.kind === kind ? [name.value] : []));
}

/**
 * The revocation of every token of a subject that was issued in this second or before.
 *
 * Tokens say when they were issued in whole seconds, so nobody can tell those issued before from those
 * issued after within one: all of them are meant, and whoever waits for the revocation waits for the
 * second to end (see untilCutOff).
 */
export function subjectEntry(subject: Name, now: EpochSeconds, lifetimes: Lifetimes): Entry {
  return {
    kind: "sub",
    ...subject,
    cutoff: Math.floor(now),
    expiresAt: endOfAll(now, lifetimes),
  };
}

/** When the last token that exists now is over, however long it lives. */
export function endOfAll(now: EpochSeconds, lifetimes: Lifetimes): EpochSeconds {
  const { clockToleranceSeconds, maxLifetimeSeconds } = lifetimes;
  return Math.ceil(now) + maxLifetimeSeconds + 2 * clockToleranceSeconds;
}

/** What the application's 2xx ends. */
export interface Ends {
  readonly scope: RevocationScope;
  /** Tokens that the request carried. */
  readonly tokens: readonly VerifiedToken[];
  readonly subjects: readonly Name[];
}

/** The revocations of a 2xx that was seen now; nothing twice. */
export function entriesFor(
  { scope, tokens, subjects }: Ends,
  now: EpochSeconds,
  lifetimes: Lifetimes,
): Entry[] {
  const entries = [
    ...tokens.flatMap((token) => entriesOf(scope, token, now, lifetimes)),
    ...subjects.map((subject) => subjectEntry(subject, now, lifetimes)),
  ];
  return [...new Map(entries.map((entry) => [keyOfName(entry), entry])).values()];
}

function entriesOf(
  scope: RevocationScope,
  token: VerifiedToken,
  now: EpochSeconds,
  lifetimes: Lifetimes,
): Entry[] {
  // The token by itself, too: where its issuer's clock is ahead, it says that it was issued later than now.
  const own = tokenEntry(token, lifetimes);
  const subject = subjectOf(token);
  if (scope === "token" || subject === undefined) return [own];
  return [own, subjectEntry(subject, now, lifetimes)];
}
