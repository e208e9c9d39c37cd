import type { HeaderList } from "../platform/header-list.ts";
import { readCredential } from "../token/credential.ts";
import { readOpaqueToken } from "../token/opaque-token.ts";
import type { Verification, VerifiedToken } from "../token/verifier.ts";
import type { Gate } from "./gate.ts";
import type { Route } from "./route.ts";

const none: readonly VerifiedToken[] = [];

/**
 * Reads what a request carries that ends together with its token, such as the refresh token of the pair.
 *
 * Undefined where one of them is ambiguous: nobody can say which of two the application would end.
 */
export function readFurtherTokens(
  gate: Gate,
  { alsoRevoke }: Route,
  headers: HeaderList,
): readonly VerifiedToken[] | undefined {
  if (alsoRevoke === undefined || alsoRevoke.length === 0) return none;
  const tokens: VerifiedToken[] = [];
  for (const { source, lifetimeSeconds } of alsoRevoke) {
    const reading = readCredential(headers, [source]);
    if (reading.kind === "ambiguous") return undefined;
    if (reading.kind === "missing") continue;
    const verification = verifyOrName(gate, reading.credential, lifetimeSeconds);
    if (verification.kind !== "invalid") tokens.push(verification.token);
  }
  return tokens;
}

/** Who checks a route's token: signatures alone count, unless the route's tokens may be opaque. */
export function verifierFor(
  gate: Gate,
  { opaqueLifetimeSeconds }: Route,
): (credential: string) => Verification {
  if (opaqueLifetimeSeconds === undefined) return gate.verifier.verify;
  return (credential) => verifyOrName(gate, credential, opaqueLifetimeSeconds);
}

/** A token that is not one of the issuer's is taken as it stands; the application knows what it is worth. */
function verifyOrName(gate: Gate, credential: string, lifetimeSeconds: number): Verification {
  const verification = gate.verifier.verify(credential);
  if (verification.kind !== "invalid" || credential.length > gate.tokenBytes) return verification;
  const expiresAt = gate.clock.nowSeconds() + lifetimeSeconds;
  return { kind: "valid", token: readOpaqueToken(credential, expiresAt) };
}
