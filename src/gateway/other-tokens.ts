import { decodeCookieValue } from "../http/cookies.ts";
import type { Clock } from "../platform/clock.ts";
import {
  type CredentialReading,
  type CredentialSource,
  readCredential,
  unreadFields,
  valuesSent,
} from "../token/credential.ts";
import { readOpaqueToken } from "../token/opaque-token.ts";
import { canonicalSpellings } from "../token/respelled-signature.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Verification, Verifier } from "../token/verifier.ts";
import type { CheckTurns } from "./check-turns.ts";
import { clientNetwork } from "./client-address.ts";
import type { Route } from "./route.ts";
import { type Denial, deny, type Wait, waitForTurn } from "./verdict.ts";
import type { Visit } from "./visit.ts";

/** What tokens are checked with. */
export interface TokenChecks {
  readonly verifier: Verifier;
  /** Divides the time for signatures between clients. */
  readonly checkTurns: CheckTurns;
  /** The longest credential, in bytes, that is looked at. */
  readonly tokenBytes: number;
  readonly clock: Clock;
  /** Whether clients have to show a certificate; undefined: they are not asked for one. */
  readonly clientCertificates: "required" | "optional" | undefined;
}

const none: readonly VerifiedToken[] = [];

/** Why the other tokens of a request can't be told, or not yet. */
export type OtherTokensUnknown = Denial<"token_ambiguous" | "keys_unavailable"> | Wait;

/**
 * Reads what a request carries that ends together with its token, such as the refresh token of the pair.
 *
 * If one of them is ambiguous, it is unknown which of two the application would end.
 */
export function readOtherTokens(
  checks: TokenChecks,
  { alsoRevoke }: Route,
  visit: Visit,
): readonly VerifiedToken[] | OtherTokensUnknown {
  if (alsoRevoke === undefined || alsoRevoke.length === 0) return none;
  const sources = alsoRevoke.map(({ source }) => source);
  const tokens: VerifiedToken[] = [];
  for (const { source, lifetimeSeconds } of alsoRevoke) {
    const reading = readWidely(visit, source, sources);
    const read = readOne(reading, (credential) =>
      verifyOrName(checks, visit, { credential, lifetimeSeconds }),
    );
    if (read === undefined) continue;
    if ("kind" in read) return read;
    tokens.push(read);
  }
  return tokens;
}

/**
 * Reads what a request carries that stays where all other tokens of its subject end.
 *
 * A token that revgate can't look into has no subject, and stays anyway.
 */
export function readSparedTokens(
  checks: TokenChecks,
  { sparing }: Route,
  visit: Visit,
): readonly VerifiedToken[] | OtherTokensUnknown {
  if (sparing === undefined || sparing.sent.length === 0) return none;
  const tokens: VerifiedToken[] = [];
  for (const source of sparing.sent) {
    const reading = readCredential(visit, [source], sparing.sent);
    const read = readOne(reading, (text) => verifyOnce(checks, visit, decodeCookieValue(text)));
    if (read === undefined) continue;
    if ("kind" in read) return read;
    tokens.push(read);
  }
  return tokens;
}

/** The token that one place holds; undefined if it holds none. */
function readOne(
  reading: CredentialReading,
  verify: (credential: string) => Verification,
): VerifiedToken | OtherTokensUnknown | undefined {
  if (reading.kind === "ambiguous") return deny("token_ambiguous");
  if (reading.kind === "missing") return undefined;
  const verification = verify(reading.credential);
  if (verification.kind === "invalid") return undefined;
  if (verification.kind === "unchecked") return waitForTurn;
  if (verification.kind !== "unknown_key") return verification.token;
  const { ready } = verification;
  return ready ? { kind: "wait", what: "key", ready } : deny("keys_unavailable");
}

/** Revocations apply widely: what only some applications find in the body ends, too. */
function readWidely(
  visit: Visit,
  source: CredentialSource,
  all: readonly CredentialSource[],
): CredentialReading {
  const [unread, ...more] = unreadFields(visit, [source], all);
  const isOnly = unread !== undefined && more.length === 0;
  return isOnly && valuesSent(source, visit).length === 0
    ? { kind: "found", credential: unread }
    : readCredential(visit, [source], all);
}

/** Who checks a route's token: signatures alone count, unless the route's tokens may be opaque. */
export function verifierFor(
  checks: TokenChecks,
  { opaqueLifetimeSeconds: lifetimeSeconds }: Route,
  visit: Visit,
): (credential: string) => Verification {
  if (lifetimeSeconds === undefined) return (credential) => verifyOnce(checks, visit, credential);
  return (credential) => verifyOrName(checks, visit, { credential, lifetimeSeconds });
}

/** Checks a credential, and that it came with the certificate that it is bound to. */
function verifyOnce(checks: TokenChecks, visit: Visit, credential: string): Verification {
  const verification = verifyText(checks, visit, credential);
  return isShownByHolder(checks, visit, verification) ? verification : { kind: "invalid" };
}

/** Checks a credential; a request waits once for its key: however slow a key set is, the wait ends. */
function verifyText(checks: TokenChecks, visit: Visit, credential: string): Verification {
  const isSought = visit.keysSoughtFor?.has(credential) === true;
  const verification = checks.verifier.verify(credential, {
    search: isSought ? "none" : "at_once",
    network: () => clientNetwork(visit),
    budget: visit.hasTurn ? checks.checkTurns.charged : checks.checkTurns,
  });
  if (verification.kind === "unknown_key") {
    visit.keysSoughtFor ??= new Set();
    visit.keysSoughtFor.add(credential);
  }
  return verification;
}

/**
 * Whether a token came with the certificate that it is bound to, if any (RFC 8705 section 3). If clients are
 * not asked for certificates, TLS ends before revgate, and only who ends it can tell.
 */
function isShownByHolder(
  { clientCertificates }: TokenChecks,
  { peer }: Visit,
  verification: Verification,
): boolean {
  if (clientCertificates === undefined || !("token" in verification)) return true;
  const { certificate } = verification.token;
  return certificate === undefined || certificate === peer.certificate?.hash;
}

/** A token that is not one of the issuer's is taken as it stands; the application knows what it is worth. */
function verifyOrName(
  checks: TokenChecks,
  visit: Visit,
  {
    credential,
    lifetimeSeconds,
  }: { readonly credential: string; readonly lifetimeSeconds: number },
): Verification {
  const text = decodeCookieValue(credential);
  if (text.length > checks.tokenBytes) return { kind: "invalid" };
  // The issuer's own come first, in any spelling that the application may accept: as a text they would have no subject.
  for (const spelling of spellingsOf(text)) {
    const verification = verifyText(checks, visit, spelling);
    if (verification.kind === "invalid") continue;
    return isShownByHolder(checks, visit, verification) ? verification : { kind: "invalid" };
  }
  const expiresAt = checks.clock.nowSeconds() + lifetimeSeconds;
  return { kind: "valid", token: readOpaqueToken(text, expiresAt, checks.verifier.names) };
}

/** The others are made only if the text as it stands is no token. */
function* spellingsOf(text: string): Generator<string> {
  yield text;
  yield* canonicalSpellings(text);
}
