import type { Denylist, Entry } from "../denylist/denylist.ts";
import { keptBeyondSeconds } from "../denylist/retention.ts";
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

/** What links tokens to their sessions; nothing for those that are in none. */
export function linksFor(tokens: readonly VerifiedToken[]): Entry[] {
  return tokens.flatMap(({ id, session, former = [], expiresAt }) => {
    if (session === undefined) return [];
    const names = former.flatMap(({ kind, value }) => (kind === "tok" ? [value] : []));
    const until = expiresAt + keptBeyondSeconds;
    return [{ kind: "lnk", value: id, former: names, expiresAt: until, session } as const];
  });
}
