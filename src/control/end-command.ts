import type { Entry } from "../denylist/denylist.ts";
import { certainSeconds, untilCutOff } from "../revocation/cut-off.ts";
import { type EndedClaim, endedClaims } from "../revocation/ended-claims.ts";
import { endOfAll, subjectEntry } from "../revocation/entries.ts";
import { isNeverCarried } from "../token/seen-tokens.ts";
import { type NamedClaim, nameClaim } from "./named-claim.ts";
import type { StoreCommandsOptions } from "./store-command.ts";

/** What a claim is called for people, with the setting that says which it is. */
const described = {
  subject: "a subject (tokens.subjectClaim)",
  sid: "a session (tokens.sessionClaim)",
  jti: "a jti",
} as const satisfies Record<EndedClaim, string>;

/** Ends what a claim names; resolves when that holds everywhere, and a login that follows is not meant. */
export async function end(
  { denylist, clock, tokens, onRevoked }: StoreCommandsOptions,
  whose: NamedClaim,
): Promise<Record<string, unknown>> {
  const { verifier, lifetimes } = tokens;
  const kind = endedClaims[whose.claim];
  const name = nameClaim(tokens, whose);
  const now = kind === "sub" ? certainSeconds(clock) : clock.nowSeconds();
  const entry: Entry =
    kind === "sub"
      ? subjectEntry(name, now, lifetimes)
      : { kind, ...name, expiresAt: endOfAll(now, lifetimes) };
  await Promise.all([denylist.revoke([entry]), untilCutOff([entry], clock)]);
  onRevoked("command", [entry]);
  const { value: id, expiresAt, cutoff } = entry;
  const doubt = isNeverCarried(whose.claim, verifier.seen)
    ? `none of the ${verifier.seen.tokens} tokens seen since the start carries ${described[whose.claim]}: none of them has ended`
    : undefined;
  return {
    ...{ kind, id, expiresAt },
    ...(cutoff !== undefined && { cutoff }),
    ...(doubt !== undefined && { warning: doubt }),
  };
}
