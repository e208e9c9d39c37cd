import { hash } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";
import { LRUCache } from "lru-cache";
import type { Clock, EpochSeconds } from "../platform/clock.ts";
import { type CompactJws, parseCompactJws } from "./compact-jws.ts";
import type { Algorithm, VerificationKey } from "./keys.ts";
import { type TokenId, tokenIdOf } from "./token-id.ts";

/** Facts about a token whose signature, issuer and audience are right. They hold for as long as it exists. */
export interface VerifiedToken {
  readonly id: TokenId;
  /** SHA-256 of the claims of these names, base64url; undefined where the token has none, or no text. */
  readonly jti?: string | undefined;
  readonly sid?: string | undefined;
  readonly subject: string | undefined;
  readonly issuedAt: EpochSeconds | undefined;
  readonly expiresAt: EpochSeconds;
  readonly notBefore: EpochSeconds | undefined;
}

/** The answer of a verifier; `expired` comes with the token, because revoking one early is no mistake. */
export type Verification =
  | { readonly kind: "valid"; readonly token: VerifiedToken }
  | { readonly kind: "expired"; readonly token: VerifiedToken }
  | { readonly kind: "invalid" };

/** What a token must be like to be accepted. */
export interface VerifierOptions {
  readonly keys: readonly VerificationKey[];
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** The claim that says whose a token is (`sub`); its value is text. */
  readonly subjectClaim?: string;
  /** Refuses tokens without `iat`, which no cut-off could tell apart. */
  readonly requireIssuedAt?: boolean;
  /** Seconds by which clocks may differ. */
  readonly clockToleranceSeconds: number;
  /** The longest life, in seconds, of a token that is accepted: what can't be revoked for long enough is refused. */
  readonly maxLifetimeSeconds: number;
  /** The longest credential, in bytes, that is looked at. */
  readonly tokenBytes: number;
  /** How many verified credentials are remembered. */
  readonly cacheEntries: number;
  readonly clock: Clock;
  /** Told of every look-up in the cache. */
  readonly onCacheLookup?: (hit: boolean) => void;
  /** Told of every signature that is checked. */
  readonly onSignatureCheck?: () => void;
}

/** Checks credentials, and remembers those that were right. */
export interface Verifier {
  /** Checks a credential's signature and claims; never throws, whatever the text is. */
  verify(credential: string): Verification;
}

const invalid: Verification = { kind: "invalid" };

/** How many credentials are remembered whose signature was wrong: for those who repeat theirs. */
const forgedEntries = 1000;

/**
 * Makes the one place where signatures are checked.
 *
 * Algorithms are pinned to keys (RFC 8725 section 3.1); `kid` chooses among configured keys and does
 * nothing else; `crit`, `jku`, `x5u`, `jwk` and `x5c` buy nothing. A verified credential is remembered by
 * the SHA-256 of its whole text, so that no credential stays in memory, and what is remembered are facts,
 * never a verdict: the time claims are asked on every call. One whose signature was wrong is remembered
 * apart from those, so that a flood of them pushes none of those out.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { clock, clockToleranceSeconds, tokenBytes } = options;
  const verified = new LRUCache<string, VerifiedToken>({ max: options.cacheEntries });
  const forged = new LRUCache<string, true>({ max: forgedEntries });

  function verify(credential: string): Verification {
    if (credential.length > tokenBytes) return invalid;
    const digest = hash("sha256", credential, "base64url");
    const remembered = verified.get(digest);
    options.onCacheLookup?.(remembered !== undefined);
    if (remembered !== undefined) return inTime(remembered);
    if (forged.has(digest)) return invalid;

    const token = verifySignature(credential, options);
    // Only this holds for ever: what else makes a token invalid may pass with time.
    if (token === "forged") forged.set(digest, true);
    if (token === "forged" || token === undefined) return invalid;
    verified.set(digest, token);
    return inTime(token);
  }

  function inTime(token: VerifiedToken): Verification {
    const now = clock.nowSeconds();
    if (now >= token.expiresAt + clockToleranceSeconds) return { kind: "expired", token };
    if (token.notBefore !== undefined && now < token.notBefore - clockToleranceSeconds) {
      return invalid;
    }
    return { kind: "valid", token };
  }

  return { verify };
}

function verifySignature(
  credential: string,
  options: VerifierOptions,
): VerifiedToken | "forged" | undefined {
  const jws = parseCompactJws(credential);
  if (jws === undefined) return undefined;
  const token = readClaims(jws, options);
  if (token === undefined) return undefined;
  const signed = keysFor(jws, options.keys).some((key) => hasSignature(credential, key, options));
  return signed ? token : "forged";
}

/** The keys that may have made this signature: those of its `kid` where one is configured, else those without an id. */
function keysFor(jws: CompactJws, keys: readonly VerificationKey[]): readonly VerificationKey[] {
  const { alg, kid } = jws.header;
  // An extension that must be understood (RFC 7515 section 4.1.11) is one that revgate does not know.
  if ("crit" in jws.header || "b64" in jws.header || "zip" in jws.header) return [];
  const named = keys.filter((key) => key.kid !== undefined && key.kid === kid);
  const candidates = named.length > 0 ? named : keys.filter((key) => key.kid === undefined);
  return candidates.filter((key) => key.algorithms.includes(alg as Algorithm));
}

function hasSignature(
  credential: string,
  { key, algorithms }: VerificationKey,
  { issuer, audience, onSignatureCheck }: VerifierOptions,
): boolean {
  onSignatureCheck?.();
  try {
    jsonwebtoken.verify(credential, key, {
      algorithms: [...algorithms],
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
      // Time is asked on every request, not once: see inTime.
      ignoreExpiration: true,
      ignoreNotBefore: true,
    });
    return true;
  } catch {
    // Whatever jsonwebtoken stumbles over, the credential made it do so.
    return false;
  }
}

/** The claims revgate lives by, or undefined where a token could not be revoked for as long as it lives. */
function readClaims(jws: CompactJws, options: VerifierOptions): VerifiedToken | undefined {
  const { subjectClaim = "sub", requireIssuedAt = false } = options;
  const { exp, nbf, iat, jti, sid, [subjectClaim]: subject } = jws.payload;
  if (!isNumericDate(exp)) return undefined;
  if (nbf !== undefined && !isNumericDate(nbf)) return undefined;
  if (iat === undefined && requireIssuedAt) return undefined;
  if (iat !== undefined && !isNumericDate(iat)) return undefined;
  const now = options.clock.nowSeconds();
  const livesFrom = iat === undefined ? now : Math.min(iat, now);
  const life = exp - livesFrom;
  // An expired token without iat has a negative life here; it is refused as expired by inTime.
  if (life > options.maxLifetimeSeconds + options.clockToleranceSeconds) return undefined;
  return {
    id: tokenIdOf(jws.signingInput),
    jti: nameOfClaim(jti),
    sid: nameOfClaim(sid),
    subject: nameOfClaim(subject),
    issuedAt: iat,
    expiresAt: exp,
    notBefore: nbf,
  };
}

/** What a revocation calls a claim's value: its SHA-256, base64url. */
export function nameOfClaim(value: unknown): string | undefined {
  return typeof value === "string" ? hash("sha256", value, "base64url") : undefined;
}

const latestDate = 2 ** 32 - 1;

function isNumericDate(value: unknown): value is EpochSeconds {
  return typeof value === "number" && value >= 0 && value <= latestDate;
}
