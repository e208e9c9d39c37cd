import { formatBeginning } from "../denylist/beginning.ts";
import { type Denylist, type Entry, isMeantBySession } from "../denylist/denylist.ts";
import { keptBeyondSeconds } from "../denylist/retention.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import { largestOf } from "../platform/extremes.ts";
import type { VerifiedToken } from "../token/verified-token.ts";

/**
 * Which tokens belong together, as far as they were seen when they were handed out.
 *
 * A link names the session of one token, and is kept like a revocation. A session is called like the first token that
 * was handed out in it. Ending it is one revocation of that name, so that whatever is linked to it later is dead from the
 * start (decision 0060).
 */

/** Tokens with the sessions to which they were linked. Rejects with StoreUnavailableError if that can't be known. */
export function withSessions(
  tokens: readonly VerifiedToken[],
  denylist: Pick<Denylist, "sessionOf">,
): Promise<readonly VerifiedToken[]> {
  return Promise.all(
    tokens.map(async (token) => inSession(token, await denylist.sessionOf(token))),
  );
}

/** A token of that session. */
export function inSession(token: VerifiedToken, session: string | undefined): VerifiedToken {
  return session === undefined ? token : { ...token, session };
}

/** Whose a session is that begins with these tokens, and since when; kept for as long as one of them lives. */
export function beginningEntry(
  session: string,
  beginning: string,
  tokens: readonly VerifiedToken[],
): Entry {
  const expiresAt = largestOf(tokens, (token) => token.expiresAt) + keptBeyondSeconds;
  return { kind: "ses", value: session, beginning, expiresAt };
}

/**
 * What notes whose the session of a login is, if cut-offs of its subject could not end all its tokens otherwise: one is opaque,
 * or says not when it was issued.
 */
export function begun(tokens: readonly VerifiedToken[], now: EpochSeconds): Entry[] {
  const owner = tokens.find(({ subject }) => subject !== undefined);
  const session = owner?.session;
  if (owner?.subject === undefined || session === undefined) return [];
  if (!tokens.some(isMeantBySession)) return [];
  const beginning = formatBeginning({ subject: owner.subject, begunMs: begunMsOf(owner, now) });
  return [beginningEntry(session, beginning, tokens)];
}

/**
 * When a session began with a token: no later than its issuer says, which is what cut-offs end the token itself by. A clock
 * that is ahead for a moment must not let the session outlive cut-offs until that time has come; too early a time only has
 * them end more. So `now` should be the earliest that it may be.
 */
export function begunMsOf({ issuedAt }: VerifiedToken, now: EpochSeconds): number {
  return Math.max(0, Math.floor(Math.min(now, issuedAt ?? now) * 1000));
}

/** What keeps the beginning of a session known that goes on with these tokens; nothing if it was not noted. */
export function prolonged(
  tokens: readonly VerifiedToken[],
  denylist: Pick<Denylist, "knownBeginning">,
): Entry[] {
  const session = tokens.find((token) => token.session !== undefined)?.session;
  const beginning = session === undefined ? undefined : denylist.knownBeginning(session);
  if (session === undefined || beginning === undefined) return [];
  return [beginningEntry(session, beginning, tokens)];
}

/** What links tokens to their sessions; nothing for those that are in none. */
export function linksFor(tokens: readonly VerifiedToken[]): Entry[] {
  return tokens.flatMap(({ id, session, former = [], expiresAt }) => {
    if (session === undefined) return [];
    const names = former.flatMap(({ kind, value }) => (kind === "tok" ? [value] : []));
    const until = expiresAt + keptBeyondSeconds;
    return [{ kind: "lnk", value: id, former: names, expiresAt: until, session } as const];
  });
}

/** Tokens that were handed out, as those of one session: of the token's that was carried if its session goes on. */
export function linkTogether(
  handedOut: readonly VerifiedToken[],
  carried: VerifiedToken | undefined,
): readonly VerifiedToken[] {
  // One of an issuer's above all: no other user has it, while other texts may come in several answers.
  const named = handedOut.find(({ isOpaque }) => isOpaque !== true) ?? handedOut[0];
  const session = carried?.session ?? named?.sid ?? named?.id;
  const news = carried === undefined || carried.session !== undefined ? [] : [carried];
  return [...handedOut, ...news].map((token) => inSession(token, session));
}
