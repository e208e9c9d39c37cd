import type { Standing, TokenNames } from "../denylist/denylist.ts";
import type { CredentialReading } from "../token/credential.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Verification } from "../token/verifier.ts";
import { endsByCutOff, type Route } from "./route.ts";
import { deny, type Verdict, waitForTurn } from "./verdict.ts";

/** What a decision rests on: facts and two questions, each asked only when the steps before it passed. */
export interface Facts {
  readonly route: Route;
  readonly credential: CredentialReading;
  readonly verify: (credential: string) => Verification;
  readonly lookUp: (token: TokenNames) => Standing;
  /** Whether the time is in doubt: no cut-off can be made then. */
  readonly isTimeInDoubt: () => boolean;
}

/** Decides whether a request may pass. No sockets, no clock of its own, no waiting. */
export function decide(facts: Facts): Verdict {
  const { route, credential, verify } = facts;
  if (route.access === "public") return decidePublic(facts);
  if (credential.kind === "missing") {
    return route.access === "optional" ? decidePublic(facts) : deny("token_missing");
  }
  if (credential.kind === "ambiguous") return deny("token_ambiguous");

  // Signature before denylist: a forged token must not cost a look-up.
  const verification = verify(credential.credential);
  if (verification.kind === "invalid") return deny("token_invalid");
  if (verification.kind === "unchecked") return waitForTurn;
  if (verification.kind === "unknown_key") return waitForKey(verification.ready);
  return decideVerified(facts, verification);
}

/** What becomes of a token whose signature is right. */
function decideVerified(
  facts: Facts,
  verification: Extract<Verification, { token: VerifiedToken }>,
): Verdict {
  const { route, lookUp } = facts;
  // Which clock is right decides whether a revocation of it is still remembered, too.
  if (verification.kind === "in_doubt") return deny("denylist_unavailable");
  const isExpired = verification.kind === "expired";
  if (isExpired && route.expired !== "forward") return deny("token_expired");

  if (needsCertainTime(facts)) return deny("denylist_unavailable");
  const { token } = verification;
  if (route.revoked === "forward") return { kind: "allow", token };
  // What becomes of an expired token is forgotten some time later, and does not matter.
  switch (lookUp(isExpired ? { ...token, expiresAt: undefined } : token)) {
    case "revoked":
      return deny("token_revoked");
    case "ask":
      return { kind: "ask", token };
    case "live":
      return { kind: "allow", token };
  }
}

/** A public route needs no token, but a reset there may carry the one that it is to end; others name whose. */
function decidePublic(facts: Facts): Verdict {
  const { route, credential, verify } = facts;
  if (needsCertainTime(facts)) return deny("denylist_unavailable");
  const endsCarried = route.revoke !== undefined && route.keepsCarriedToken !== true;
  if (credential.kind === "ambiguous" && endsCarried) return deny("token_ambiguous");
  if (credential.kind !== "found") return { kind: "allow", token: undefined };
  const verification = verify(credential.credential);
  // Even if no token is asked for: what the application is told of one must not depend on the load.
  if (verification.kind === "unchecked") return waitForTurn;
  if (verification.kind === "unknown_key" && endsCarried) {
    return waitForKey(verification.ready);
  }
  const isKnown = verification.kind === "valid" || verification.kind === "in_doubt";
  return { kind: "allow", token: isKnown ? verification.token : undefined };
}

/** A cut-off by a clock that lags ends nothing; one by a clock that is ahead locks out the next login. */
function needsCertainTime({ route, isTimeInDoubt }: Facts): boolean {
  return endsByCutOff(route) && isTimeInDoubt();
}

function waitForKey(ready: Promise<void> | undefined): Verdict {
  return ready === undefined ? deny("keys_unavailable") : { kind: "wait", what: "key", ready };
}
