import type { Standing, TokenNames } from "../denylist/denylist.ts";
import type { CredentialReading } from "../token/credential.ts";
import type { Verification } from "../token/verifier.ts";
import type { Route } from "./route.ts";
import { deny, type Verdict } from "./verdict.ts";

/** What a decision rests on: facts and two questions, each asked only when the steps before it passed. */
export interface Facts {
  readonly route: Route;
  readonly credential: CredentialReading;
  readonly verify: (credential: string) => Verification;
  readonly lookUp: (token: TokenNames) => Standing;
}

/** Decides whether a request may pass. No sockets, no clock of its own, no waiting. */
export function decide({ route, credential, verify, lookUp }: Facts): Verdict {
  if (route.access === "public") return decidePublic(route, credential, verify);
  if (credential.kind === "missing") return deny("token_missing");
  if (credential.kind === "ambiguous") return deny("token_ambiguous");

  // Signature before denylist: a forged token must not cost a look-up.
  const verification = verify(credential.credential);
  if (verification.kind === "invalid") return deny("token_invalid");
  if (verification.kind === "unknown_key") return waitForKey(verification.ready);
  if (verification.kind === "expired" && route.expired !== "forward") return deny("token_expired");

  const { token } = verification;
  if (route.revoked === "forward") return { kind: "allow", token };
  switch (lookUp(token)) {
    case "revoked":
      return deny("token_revoked");
    case "ask":
      return { kind: "ask", token };
    case "live":
      return { kind: "allow", token };
  }
}

/** A public route needs no token, but a reset there may carry the one that it is to end; others name whose. */
function decidePublic(
  route: Route,
  credential: CredentialReading,
  verify: Facts["verify"],
): Verdict {
  const endsCarried = route.revoke !== undefined && route.sparesCarried !== true;
  if (credential.kind === "ambiguous" && endsCarried) return deny("token_ambiguous");
  if (credential.kind !== "found") return { kind: "allow", token: undefined };
  const verification = verify(credential.credential);
  if (verification.kind === "unknown_key" && endsCarried) {
    return waitForKey(verification.ready);
  }
  return { kind: "allow", token: verification.kind === "valid" ? verification.token : undefined };
}

function waitForKey(ready: Promise<void> | undefined): Verdict {
  return ready === undefined ? deny("keys_unavailable") : { kind: "wait", ready };
}
