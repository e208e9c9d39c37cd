import { type CredentialReading, readCredential, unreadValue } from "../token/credential.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Checks } from "./checks.ts";
import { decide } from "./decide.ts";
import { verifierFor } from "./other-tokens.ts";
import type { Route } from "./route.ts";
import type { Denial, Verdict } from "./verdict.ts";
import type { Visit } from "./visit.ts";

/** Whether the token that a request carries lets it pass; notes whose refusal it is. */
export function judgeToken(checks: Checks, visit: Visit, route: Route): Verdict {
  const credential = readSent(checks, visit, route);
  visit.credential = credential.kind === "found" ? credential.credential : undefined;
  const verdict = decide({
    route,
    credential,
    verify: verifierFor(checks, route, visit),
    lookUp: checks.denylist.lookUp,
    isTimeInDoubt: () => checks.clock.doubt !== undefined,
  });
  if (verdict.kind !== "deny") return verdict;
  noteReused(checks, visit, { route, credential, verdict });
  return denyToken(checks, visit, credential, verdict);
}

/** Notes that a revoked token came to a route whose tokens are used once. */
function noteReused(
  checks: Checks,
  visit: Visit,
  {
    route,
    credential,
    verdict,
  }: {
    readonly route: Route;
    readonly credential: CredentialReading;
    readonly verdict: Denial;
  },
): void {
  if (route.reused === undefined || verdict.reason !== "token_revoked") return;
  if (credential.kind !== "found") return;
  const verification = verifierFor(checks, route, visit)(credential.credential);
  if ("token" in verification) visit.reusedToken = verification.token;
}

/** Notes whose refusal it is, for the log. */
function denyToken<Refusal extends Denial>(
  { verifier, log, whyInvalid }: Checks,
  visit: Visit,
  reading: CredentialReading,
  verdict: Refusal,
): Refusal {
  if (reading.kind !== "found" || !verdict.reason.startsWith("token_")) return verdict;
  const { credential } = reading;
  const isInvalid = verdict.reason === "token_invalid";
  // A forged token is not the one whose signing input it has.
  const named = isInvalid ? credential : credential.slice(0, credential.lastIndexOf("."));
  visit.refusedToken = verifier.names.token(named).value;
  if (isInvalid) log.tokenInvalid(visit.requestId, () => whyInvalid(credential));
  return verdict;
}

/**
 * The token that a request carries. If none is needed, an empty one is none (applications clear cookies so),
 * and what a header for tokens holds is one, even in a scheme that is not read here: the application may read it.
 */
function readSent(checks: Checks, visit: Visit, route: Route): CredentialReading {
  const sources = route.from ?? checks.sources;
  const read = readCredential(visit, sources);
  if (route.access !== "optional") return read;
  visit.mayOmitToken = true;
  if (read.kind === "ambiguous") return read;
  if (read.kind === "found" && read.credential.trim() !== "") return read;
  const other = unreadValue(visit, sources);
  return other === undefined ? { kind: "missing" } : { kind: "found", credential: other };
}

/**
 * Whether a route would end all tokens of a subject, and the token names none: the answer would say that
 * they have ended, and none had. A token that revgate can't look into is not expected to name one.
 */
export function lacksSubject(route: Route, token: VerifiedToken): boolean {
  const { revoke, keepsCarriedToken } = route;
  const needsSubject = (revoke === "subject" || revoke === "others") && keepsCarriedToken !== true;
  return needsSubject && token.subject === undefined && token.isOpaque !== true;
}
