import { StoreUnavailableError } from "../errors.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import { tokenEntry } from "../revocation/entries.ts";
import { parseCompactJws } from "../token/compact-jws.ts";
import { nameFailure } from "../token/explain-token.ts";
import { readOpaqueToken } from "../token/opaque-token.ts";
import { type Verification, type Verifier, verifyInFull } from "../token/verifier.ts";
import { nameRevocation } from "./explain-command.ts";
import type { StoreCommandsOptions } from "./store-command.ts";

/** How a token stands, as `revgate check` reports it. */
export interface TokenStanding {
  readonly standing: "live" | "revoked" | "expired" | "invalid";
  readonly id: string | undefined;
  readonly expiresAt: EpochSeconds | undefined;
  /** Why it would not be let through; undefined if it would, or has merely expired. */
  readonly reason?: string | undefined;
}

/** Says how a token stands. */
export async function check(
  options: StoreCommandsOptions,
  credential: string,
  opaque = false,
): Promise<TokenStanding> {
  const { denylist, tokens, clock } = options;
  const verification = await verifyOrFail(tokens.verifier, credential);
  if (verification.kind === "invalid" && opaque) return checkOpaque(options, credential);
  if (verification.kind === "invalid") {
    const reason = nameFailure((await tokens.explain(credential)).checks);
    return { standing: "invalid", id: undefined, expiresAt: undefined, reason };
  }
  const { token } = verification;
  const { id, expiresAt } = token;
  if (verification.kind === "expired") return { standing: "expired", id, expiresAt };
  const known = denylist.lookUp(token);
  if (verification.kind === "in_doubt" && known !== "revoked") {
    throw new StoreUnavailableError(`the time is in doubt: ${clock.doubt ?? "a moment ago"}`);
  }
  const standing = known === "ask" ? await denylist.ask(token) : known;
  const reason = standing === "revoked" ? nameRevocation(denylist, token) : undefined;
  return { standing, id, expiresAt, reason };
}

/** Says how a text stands where rules take it for a token; of its issuer and its end revgate knows nothing. */
async function checkOpaque(
  { denylist, tokens: { verifier, lifetimes }, clock }: StoreCommandsOptions,
  credential: string,
): Promise<TokenStanding> {
  const expiresAt = clock.nowSeconds() + lifetimes.maxLifetimeSeconds;
  const token = readOpaqueToken(credential, expiresAt, verifier.names);
  const known = denylist.lookUp(token);
  const standing = known === "ask" ? await denylist.ask(token) : known;
  return { standing, id: token.id, expiresAt: undefined };
}

/** Revokes a token, and says how it stands then. */
export async function revokeToken(
  options: StoreCommandsOptions,
  {
    credential,
    opaque = false,
  }: { readonly credential: string; readonly opaque?: boolean | undefined },
): Promise<TokenStanding> {
  const { denylist, clock, onRevoked } = options;
  const { verifier, lifetimes } = options.tokens;
  const verification = await verifyOrFail(verifier, credential);
  if (verification.kind === "invalid" && opaque) {
    const now = clock.nowSeconds();
    const token = readOpaqueToken(credential, now + lifetimes.maxLifetimeSeconds, verifier.names);
    const entries = [tokenEntry(token)];
    await denylist.revoke(entries);
    onRevoked("command", entries);
    return { standing: "revoked", id: token.id, expiresAt: token.expiresAt };
  }
  if (verification.kind !== "invalid") {
    const entries = [tokenEntry(verification.token)];
    // One that has expired, too: this clock may be ahead, and the token live again when it is right.
    await denylist.revoke(entries);
    if (verification.kind !== "expired") onRevoked("command", entries);
  }
  return check(options, credential);
}

/** What RFC 7662 section 2.2 says of a token; nothing of one that would not be let through. */
export async function introspect(
  options: StoreCommandsOptions,
  credential: string,
): Promise<Record<string, unknown>> {
  const { standing } = await check(options, credential);
  if (standing !== "live") return { active: false };
  const claims = parseCompactJws(credential)?.payload ?? {};
  const told = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "client_id", "username"];
  const known = told.filter((claim) => Object.hasOwn(claims, claim));
  return { active: true, ...Object.fromEntries(known.map((claim) => [claim, claims[claim]])) };
}

async function verifyOrFail(verifier: Verifier, credential: string): Promise<KnownVerification> {
  const verification = await verifyInFull(verifier, credential);
  if (verification.kind !== "unknown_key" && verification.kind !== "unchecked") return verification;
  throw new StoreUnavailableError("the keys of the token's issuer cannot be fetched now");
}

type KnownVerification = Exclude<Verification, { kind: "unknown_key" | "unchecked" }>;
