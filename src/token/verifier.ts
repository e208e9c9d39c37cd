import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import {
  type CheckBudget,
  checkSignature,
  type Search,
  type SignatureCheck,
  type Unchecked,
  type UnknownKey,
} from "./check-signature.ts";
import { hasThreeParts } from "./compact-jws.ts";
import type { Issuer } from "./issuers.ts";
import { fixedKeys, type KeyRing } from "./keys/key-ring.ts";
import type { VerificationKey } from "./keys/verification-key.ts";
import { createNames, type Names } from "./names.ts";
import { countSeen, type SeenTokens } from "./seen-tokens.ts";
import type { Audience } from "./signature.ts";
import type { VerifiedToken } from "./verified-token.ts";

/** The answer of a verifier; `expired` comes with the token, because revoking one early is no mistake. */
export type Verification =
  | { readonly kind: "valid"; readonly token: VerifiedToken }
  | { readonly kind: "expired"; readonly token: VerifiedToken }
  /** Whether it is in time depends on which of the clocks is right, which is unknown at present. */
  | { readonly kind: "in_doubt"; readonly token: VerifiedToken }
  | { readonly kind: "invalid" }
  | UnknownKey
  | Unchecked;

/** How a credential is verified. */
export interface VerifyOptions {
  /** `none`: nothing is fetched for it, and `unknown_key` never has `ready`. Default `at_once`. */
  readonly search?: Search;
  /** Signatures of credentials that are new here are checked within this, else they are `unchecked`. */
  readonly budget?: CheckBudget | undefined;
  /** The network of the client that sent it; asked for where clients have to take turns. */
  readonly network?: () => string;
}

/** What a token must be like to be accepted. */
export interface VerifierOptions extends Omit<SignatureCheck, "search" | "budget"> {
  readonly keys: readonly VerificationKey[] | KeyRing;
  readonly issuer: string | undefined;
  readonly audience: Audience;
  /** More issuers, each with its own keys and audience. */
  readonly issuers?: readonly Issuer[];
  /** The longest credential, in bytes, that is looked at. */
  readonly tokenBytes: number;
  /** How many verified credentials are remembered. */
  readonly cacheEntries: number;
  /** Told of every look-up in the cache. */
  readonly onCacheLookup?: (hit: boolean) => void;
}

/** Checks credentials, and remembers those that were right. */
export interface Verifier {
  /** What names its tokens, and whatever else is revoked. */
  readonly names: Names;
  /** What was seen since the verifier was made. */
  readonly seen: SeenTokens;
  /** Checks a credential's signature and claims; never throws, whatever the text is. */
  verify(credential: string, options?: VerifyOptions): Verification;
  /** The tokens that were verified here and are remembered, expired ones included; the least recently used are dropped. */
  remembered(): readonly VerifiedToken[];
  /** Checks every credential anew from now on: what was asked of its claims is not what it was. */
  forget(): void;
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
export function createVerifier(given: VerifierOptions): Verifier {
  const names = given.names ?? createNames({ isMainIssuer: (issuer) => issuer === given.issuer });
  const options = { ...given, names };
  const { clock, clockToleranceSeconds, tokenBytes } = options;
  const verified = new LRUCache<string, VerifiedToken>({ max: options.cacheEntries });
  const forged = new LRUCache<string, true>({ max: forgedEntries });
  const issuers = issuersOf(options);
  const seen = { tokens: 0, subject: 0, sid: 0, jti: 0 };
  voidAtChanges(issuers, [verified, forged]);

  function verify(credential: string, how: VerifyOptions = {}): Verification {
    // What can't be a compact JWS at first sight is worth no hash.
    if (credential.length > tokenBytes || !hasThreeParts(credential)) return invalid;
    const digest = hash("sha256", credential, "base64url");
    const remembered = verified.get(digest);
    options.onCacheLookup?.(remembered !== undefined);
    if (remembered !== undefined) return inTime(remembered);
    if (forged.has(digest)) return invalid;

    return check(credential, digest, how);
  }

  /** Checks a credential that is new here. */
  function check(credential: string, digest: string, how: VerifyOptions): Verification {
    const { search = "at_once", budget } = how;
    const token = checkSignature(credential, issuers, { ...options, search, budget });
    if (token === undefined) return invalid;
    if (token === "forged") {
      // Only this holds until the keys change: what else makes a token invalid may pass with time.
      forged.set(digest, true);
      return invalid;
    }
    if ("kind" in token) return token;
    verified.set(digest, token);
    countSeen(seen, token);
    return inTime(token);
  }

  function inTime(token: VerifiedToken): Verification {
    const now = clock.nowSeconds();
    const end = token.expiresAt + clockToleranceSeconds;
    const start = (token.notBefore ?? Number.NEGATIVE_INFINITY) - clockToleranceSeconds;
    if (now >= start && now < end && clock.doubt === undefined) return { kind: "valid", token };
    const earliest = clock.earliestSeconds?.() ?? now;
    if (earliest >= end) return { kind: "expired", token };
    if (now < start) return invalid;
    return now < end && earliest >= start ? { kind: "valid", token } : { kind: "in_doubt", token };
  }

  const remembered = () => [...verified.values()];
  return { verify, seen, names, remembered, forget: () => verified.clear() };
}

/** When the keys change, cached results of either kind are void. */
function voidAtChanges(
  issuers: readonly Issuer[],
  caches: readonly { readonly clear: () => void }[],
): void {
  for (const { keys } of issuers)
    keys.onChange(() => {
      for (const cache of caches) cache.clear();
    });
}

/** All issuers, the main one first. */
export function issuersOf({ keys, issuer, audience, issuers = [] }: VerifierOptions): Issuer[] {
  const ring = "lookFor" in keys ? keys : fixedKeys(keys);
  return [{ issuer, audience, keys: ring, namespace: issuer }, ...issuers];
}

/** Verifies a credential; waits for its turn if its key has to be fetched. */
export async function verifyInFull(verifier: Verifier, credential: string): Promise<Verification> {
  const verification = verifier.verify(credential, { search: "in_turn" });
  if (verification.kind !== "unknown_key" || verification.ready === undefined) return verification;
  await verification.ready;
  return verifier.verify(credential, { search: "none" });
}
