import type { EpochSeconds } from "../platform/clock.ts";
import { type BegunSession, parseBeginning } from "./beginning.ts";
import { sparedAfter } from "./cut.ts";

/**
 * What a revocation can name: `tok` one token, by its signing input; `jti` one token and `sid` all tokens
 * of a session, by that claim; `sub` all tokens of a subject that were issued at or before a cut-off, by
 * that claim. `token/names.ts` makes the hashes.
 */
export const revocationKinds = ["tok", "jti", "sid", "sub"] as const;
/**
 * And what is no revocation, but kept like one: `lnk` says to which session a token belongs that was handed out. Whatever
 * ends that session (a `sid`) ends the token. `ses` says of a session whose it is, and when it began.
 */
export const entryKinds = [...revocationKinds, "lnk", "ses"] as const;
/** One of the kinds. */
export type EntryKind = (typeof entryKinds)[number];

/** Whether entries of that kind end something. */
export function isRevocation(kind: EntryKind): boolean {
  return revocationKinds.some((each) => each === kind);
}

/** The name of something that can be revoked: 256 bits in base64url (43 characters), never a credential. */
export interface EntryName {
  readonly kind: EntryKind;
  readonly value: string;
}

/** A name as the key of a Map. */
export function keyOfName({ kind, value }: EntryName): string {
  return `${kind}:${value}`;
}

/** A revocation: what carries this name is refused until `expiresAt`. */
export interface Entry extends EntryName {
  readonly expiresAt: EpochSeconds;
  /** With `sub`: tokens issued at or before this whole second are meant. Of two, the later holds. */
  readonly cutoff?: EpochSeconds | undefined;
  /** With `sub`: what of these it spares (see cut.ts); undefined: nothing. */
  readonly sparing?: string | undefined;
  /** With `lnk`: the value of the session's name. */
  readonly session?: string | undefined;
  /** With `ses`: whose it is, and since when (see beginning.ts). */
  readonly beginning?: string | undefined;
  /** Values of former names of the same thing, under which it is revoked as well (see former-names.ts). */
  readonly former?: readonly string[] | undefined;
}

/** The names by which a token can have been revoked. */
export interface TokenNames {
  /** What a revocation of this token alone names. */
  readonly id: string;
  readonly jti?: string | undefined;
  readonly sid?: string | undefined;
  readonly subject?: string | undefined;
  /** More names, of any kind, under which it may have been revoked. */
  readonly others?: readonly EntryName[] | undefined;
  /** When it expires by itself; undefined: that is of no interest. */
  readonly expiresAt?: EpochSeconds | undefined;
  /** A token of a subject that does not say when it was issued falls under every cut-off. */
  readonly issuedAt?: EpochSeconds | undefined;
}

/** Whether entries of that kind have a cut-off: only those do, and none of them is without. */
export function hasCutoff(kind: EntryKind): boolean {
  return kind === "sub";
}

/** Whether an entry is over when the tokens are that it is about: others are kept for as long as any token may live. */
export function endsWithTokens(kind: EntryKind): boolean {
  return kind === "tok" || kind === "lnk" || kind === "ses";
}

/** The names under which a token can have been linked to a session. */
export function linksOf({ id, others = [] }: TokenNames): EntryName[] {
  const former = others.filter(({ kind }) => kind === "tok");
  return [id, ...former.map(({ value }) => value)].map((value) => ({ kind: "lnk", value }));
}

/** A token that also has the name of the session to which it was linked. */
export function inSession(token: TokenNames, session: string | undefined): TokenNames {
  if (session === undefined) return token;
  return { ...token, others: [...(token.others ?? []), { kind: "sid", value: session }] };
}

/**
 * A token whose subject's cut-offs mean it by its session: it says not whose it is, or not since when. Such as an opaque refresh
 * token, which is as old as its session for them, and spared with it.
 */
export function isMeantBySession({ subject, issuedAt }: TokenNames): boolean {
  return subject === undefined || issuedAt === undefined;
}

/** Such a token, as one of a session that began so (see beginning.ts). */
export function ofBegunSession(token: TokenNames, session: string, beginning: string): TokenNames {
  const { subject, begunMs } = parseBeginning(beginning);
  return { ...inSession(token, session), subject, issuedAt: begunMs / 1000 };
}

/** All names under which a token can have been revoked. */
export function namesOf({ id, jti, sid, subject, others }: TokenNames): EntryName[] {
  const names: EntryName[] = [{ kind: "tok", value: id }];
  if (jti !== undefined) names.push({ kind: "jti", value: jti });
  if (sid !== undefined) names.push({ kind: "sid", value: sid });
  if (subject !== undefined) names.push({ kind: "sub", value: subject });
  if (others !== undefined) names.push(...others);
  return names;
}

/**
 * Whether a token falls under an entry of one of its names: under a cut-off where it was issued in that
 * second or before, and is not spared. (Most issuers write whole seconds; a fraction must not lift one over it.)
 */
export function fallsUnder(
  token: TokenNames,
  { cutoff, sparing }: Pick<Entry, "cutoff" | "sparing">,
): boolean {
  if (cutoff === undefined) return true;
  const { issuedAt = 0 } = token;
  if (Math.floor(issuedAt) > cutoff) return false;
  if (sparing === undefined) return true;
  const after = sparedAfter(sparing, sparableNames(token));
  return after === undefined || Math.floor(issuedAt) <= after;
}

/** By which names a cut-off can spare a token: its own, and that of its session. */
function sparableNames({ id, sid, others = [] }: TokenNames): string[] {
  const former = others.filter(({ kind }) => kind === "tok" || kind === "sid");
  return [id, ...(sid === undefined ? [] : [sid]), ...former.map(({ value }) => value)];
}

/** What memory alone can say. `ask` means that it can't say no, and that the store must be asked. */
export type Standing = "revoked" | "live" | "ask";

/** A request in progress that may revoke something. One of the two is called, once. */
export interface Intent {
  /**
   * It did, or that is unknown: as Denylist.revoke. `entries` if they are not quite those intended. May be
   * called again, if more is known.
   */
  revoke(entries?: readonly Entry[]): Promise<void>;
  /** It did not. */
  drop(): void;
}

/** What becomes of an intent whose outcome cannot be known. */
export const unknownOutcomes = ["revoke", "keep"] as const;
/** One of the two. */
export type UnknownOutcome = (typeof unknownOutcomes)[number];

/** Told of an entry that is in force here; `isNews`: it says more than was known before. */
export type OnRevoked = (entry: Entry, isNews: boolean) => void;

/** Whether the denylist can do its work now; `reason` is for the operator. */
export interface DenylistHealth {
  readonly ready: boolean;
  readonly reason: string | undefined;
}

/**
 * Remembers what has been revoked, until the tokens would have expired by themselves.
 *
 * It never guesses: where an answer can't be had, a method rejects. One contract suite
 * (`test/contract`) runs against every implementation.
 */
export interface Denylist {
  /** Answers from memory, at once. */
  lookUp(token: TokenNames): Standing;

  /**
   * Asks the store of record, for the case that memory alone can't answer.
   *
   * Rejects with StoreUnavailableError when there is no answer; the caller must refuse.
   */
  ask(token: TokenNames): Promise<"revoked" | "live">;

  /** The session to which a token was linked, as far as memory knows; undefined: none. */
  knownSession(token: TokenNames): string | undefined;

  /** The same for certain. Rejects with StoreUnavailableError if it can't be known. */
  sessionOf(token: TokenNames): Promise<string | undefined>;

  /** Whose a session is, and since when, as far as memory knows; undefined: that was not noted. */
  knownBeginning(session: string): string | undefined;

  /**
   * The sessions of a subject that have not ended, by all names of the subject, in no order. Rejects with
   * StoreUnavailableError if one may be missing that began before the question.
   */
  sessionsOf(subjects: readonly string[]): Promise<readonly BegunSession[]>;

  /**
   * Puts entries in force, here at once.
   *
   * Resolved: they are durable and in force on every sidecar that shares the store; they survive a
   * crash of this process. Rejected with RevocationPendingError: they are in force here and are tried
   * again, but the promise is not kept yet. Entries that have expired already are ignored.
   */
  revoke(entries: readonly Entry[]): Promise<void>;

  /**
   * Notes, before a request that would revoke these is forwarded, that it will be.
   *
   * When it resolves, the note survives a crash: an intent of which nothing more is known is dealt with
   * at the next start as an unknown outcome. It resolves even where the disk fails: the revocation
   * itself will then say so.
   */
  intend(entries: readonly Entry[]): Promise<Intent>;

  /**
   * Calls back for every entry that comes into force here from now on, revoked by any sidecar; before
   * any later look-up. One that was in force already may be told again, and then is no news.
   */
  onRevoked(listener: OnRevoked): void;

  /** Every live entry the store knows of, in no order; one that was revoked twice may come twice. */
  entries(): AsyncIterable<Entry>;

  /** How many entries memory holds. */
  readonly size: number;

  health(): DenylistHealth;

  /** Stops; what was promised is on disk before it resolves. */
  close(): Promise<void>;
}
