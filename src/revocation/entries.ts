import { type Entry, type EntryKind, keyOfName } from "../denylist/denylist.ts";
import { joinEntries } from "../denylist/joined-entries.ts";
import { endOfAllIssued, forGood, keptBeyondSeconds } from "../denylist/retention.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import type { Name } from "../token/names.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import { type Spares, sparesNothing, sparingOf } from "./spares.ts";

/**
 * What a 2xx on a revoking route ends: the token that the request carried, its session, all tokens of its subject, or all
 * of these but the one that was carried and those that were handed out.
 */
export const revocationScopes = ["token", "session", "subject", "others"] as const;
/** One of them. */
export type RevocationScope = (typeof revocationScopes)[number];

/** For how long tokens live, and so for how long it must be remembered that they are dead. In seconds. */
export interface Lifetimes {
  /** By which clocks may differ: a token counts that much longer than its `exp`. */
  readonly clockToleranceSeconds: number;
  /** The longest life of a token that is accepted. */
  readonly maxLifetimeSeconds: number;
  /** Tokens without `iat` are accepted: it is unknown when the last one that a revocation means is over. */
  readonly undated?: boolean;
}

/** The revocation of this token alone: kept until no sidecar can accept the token, whatever the configuration. */
export function tokenEntry(token: VerifiedToken): Entry {
  const expiresAt = token.expiresAt + keptBeyondSeconds;
  return { kind: "tok", value: token.id, former: formerIn(token, "tok"), expiresAt };
}

/** What a token's subject is called; undefined if it has none. */
function subjectOf(token: VerifiedToken): Name | undefined {
  const { subject } = token;
  return subject === undefined ? undefined : { value: subject, former: formerIn(token, "sub") };
}

function subjectsOf(token: VerifiedToken): Name[] {
  const subject = subjectOf(token);
  return subject === undefined ? [] : [subject];
}

function formerIn({ former = [] }: VerifiedToken, kind: EntryKind): string[] {
  return former.flatMap((name) => (name.kind === kind ? [name.value] : []));
}

/**
 * The revocation of every token of a subject that was issued in this second or before.
 *
 * Tokens say when they were issued in whole seconds, so those issued before cannot be told from those
 * issued after within one: all of them are meant, and the caller of the revocation waits for the
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

/** The revocations of the sessions of a token: the one that it names, and the one to which it was linked. */
export function sessionEntries(
  { sid, session, former = [] }: Pick<VerifiedToken, "sid" | "session" | "former">,
  now: EpochSeconds,
  lifetimes: Lifetimes,
): Entry[] {
  const expiresAt = endOfAll(now, lifetimes);
  const names = former.flatMap(({ kind, value }) => (kind === "sid" ? [value] : []));
  return [
    ...(sid === undefined ? [] : [{ kind: "sid", value: sid, former: names, expiresAt } as const]),
    ...(session === undefined ? [] : [{ kind: "sid", value: session, expiresAt } as const]),
  ];
}

/** What the application's 2xx ends. */
export interface Ends {
  /** Undefined: only the other sessions of the user who was handed a token. */
  readonly scope: RevocationScope | undefined;
  /** Tokens that the request carried. */
  readonly tokens: readonly VerifiedToken[];
  readonly subjects: readonly Name[];
  /** What is spared if others end. */
  readonly spares?: Spares | undefined;
  /** Set if the user who was handed a token keeps that session alone. */
  readonly onlyHandedOut?: boolean | undefined;
}

/** The revocations of a 2xx that was seen now; nothing twice. */
export function entriesFor(ends: Ends, now: EpochSeconds, lifetimes: Lifetimes): Entry[] {
  const { scope, tokens, subjects, spares = sparesNothing, onlyHandedOut = false } = ends;
  const ended = (subject: Name) => ({
    ...subjectEntry(subject, now, lifetimes),
    ...(scope === "others" && { sparing: sparingOf(spares, now) }),
  });
  // A client that has stolen a dead token must not end what its owner has begun since.
  const living = tokens.filter(({ isDead }) => isDead !== true);
  const entries = [
    ...tokens.flatMap((token) => (scope === "others" ? [] : [tokenEntry(token)])),
    ...living.flatMap((token) =>
      scope === "session" ? sessionEntries(token, now, lifetimes) : [],
    ),
    ...(scope === "token" || scope === "session" ? [] : living.flatMap(subjectsOf)).map(ended),
    ...subjects.map(ended),
    ...(onlyHandedOut ? entriesOfOthers(spares, now, lifetimes) : []),
  ];
  return joinEqualNames(entries);
}

/** The revocations that leave the subjects of tokens which were handed out those tokens alone. */
function entriesOfOthers(
  { handedOut, since }: Spares,
  now: EpochSeconds,
  lifetimes: Lifetimes,
): Entry[] {
  return handedOut.flatMap((token) => {
    const subject = subjectOf(token);
    if (subject === undefined) return [];
    const own = handedOut.filter((each) => each.subject === token.subject);
    const sparing = sparingOf({ kept: [], handedOut: own, since }, now);
    return [{ ...subjectEntry(subject, now, lifetimes), sparing }];
  });
}

/** One entry a name: whatever one of them ends. */
function joinEqualNames(entries: readonly Entry[]): Entry[] {
  const byName = new Map<string, Entry>();
  for (const entry of entries) {
    const key = keyOfName(entry);
    const earlier = byName.get(key);
    byName.set(key, earlier === undefined ? entry : joinEntries(earlier, entry));
  }
  return [...byName.values()];
}
