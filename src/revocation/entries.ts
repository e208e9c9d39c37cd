import { type Entry, type EntryKind, keyOfName } from "../denylist/denylist.ts";
import { endOfAllIssued, forGood, keptBeyondSeconds } from "../denylist/retention.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import type { Name } from "../token/names.ts";
import type { VerifiedToken } from "../token/verified-token.ts";

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
  /** Tokens without `iat` are accepted: nobody can tell when the last one that a revocation means is over. */
  readonly undated?: boolean;
}

/** The revocation of this token alone: kept until nobody can accept the token, whatever the configuration. */
export function tokenEntry(token: VerifiedToken): Entry {
  const expiresAt = token.expiresAt + keptBeyondSeconds;
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

/** Until when a revocation is kept that ends tokens which exist now, however long they live. */
export function endOfAll(
  now: EpochSeconds,
  { maxLifetimeSeconds, undated = false }: Lifetimes,
): EpochSeconds {
  return undated ? forGood : endOfAllIssued(now, maxLifetimeSeconds);
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
  const own = tokenEntry(token);
  const subject = subjectOf(token);
  if (scope === "token" || subject === undefined) return [own];
  return [own, subjectEntry(subject, now, lifetimes)];
}
