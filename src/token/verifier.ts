import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { EpochSeconds } from "../platform/clock.ts";
import { areRevocable, type ClaimRules, isNumericDate } from "./claim-checks.ts";
import { type CompactJws, hasThreeParts, parseCompactJws } from "./compact-jws.ts";
import { type Issuer, issuersNamedIn } from "./issuers.ts";
import { fixedKeys, type KeyRing, seekIn } from "./keys/key-ring.ts";
import type { VerificationKey } from "./keys/verification-key.ts";
import { type Names, plainNames } from "./names.ts";
import { type Audience, isMeantFor, isSignedWith, keysFor } from "./signature.ts";
import { type ClaimReading, readClaims, type VerifiedToken } from "./verified-token.ts";

/** The answer of a verifier; `expired` comes with the token, because revoking one early is no mistake. */
export type Verification =
  | { readonly kind: "valid"; readonly token: VerifiedToken }
  | { readonly kind: "expired"; readonly token: VerifiedToken }
  /** Whether it is in time depends on which of the clocks is right, and nobody knows that at present. */
  | { readonly kind: "in_doubt"; readonly token: VerifiedToken }
  | { readonly kind: "invalid" }
  /**
   * It is signed with a key that its issuer may have and revgate has not. `ready`: that is being looked
   * into, and the question can be asked again then; undefined: it can't be found out at present.
   */
  | { readonly kind: "unknown_key"; readonly ready: Promise<void> | undefined };

/** How many tokens were verified, and how many of them can be ended by what: each once. */
export interface SeenTokens {
  readonly tokens: number;
  readonly subject: number;
  readonly sid: number;
  readonly jti: number;
}

/** What a token must be like to be accepted. */
export interface VerifierOptions extends ClaimRules, ClaimReading {
  readonly keys: readonly VerificationKey[] | KeyRing;
  readonly issuer: string | undefined;
  readonly audience: Audience;
  /** Further issuers, each with its own keys and audience. */
  readonly issuers?: readonly Issuer[];
  /** The longest credential, in bytes, that is looked at. */
  readonly tokenBytes: number;
  /** How many verified credentials are remembered. */
  readonly cacheEntries: number;
  /** Told of every look-up in the cache. */
  readonly onCacheLookup?: (hit: boolean) => void;
  /** Told of tokens that were issued in the future, by somebody whose signature is right. */
  readonly clockHints?: IssuedAheadHints | undefined;
  /** Told of every signature that is checked. */
  readonly onSignatureCheck?: () => void;
}

/** Who makes something of tokens that were issued in the future. */
export interface IssuedAheadHints {
  /** Whether such an `iat` is worth a look. */
  isAhead(issuedAt: EpochSeconds): boolean;
  sawIssuedAhead(issuedAt: EpochSeconds): void;
}

/** Checks credentials, and remembers those that were right. */
export interface Verifier {
  /** What names its tokens, and whatever else is revoked. */
  readonly names: Names;
  /** What was seen since the verifier was made. */
  readonly seen: SeenTokens;
  /**
   * Checks a credential's signature and claims; never throws, whatever the text is.
   *
   * With `search: "none"` nothing is fetched for it: `unknown_key` then never has `ready`.
   */
  verify(credential: string, options?: { readonly search?: Search }): Verification;
  /** Checks every credential anew from now on: what was asked of its claims is not what it was. */
  forget(): void;
}

/**
 * How a key is looked for that is not there: `at_once` if the allowance of unknown keys is not used up, which
 * anybody's tokens can do; `in_turn` for who is trusted with waiting (see KeyRing).
 */
export type Search = "at_once" | "in_turn" | "none";

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
  const issuers = issuersOf(options);
  const seen = { tokens: 0, subject: 0, sid: 0, jti: 0 };
  for (const { keys } of issuers) {
    // What was verified with a key that is not there any more is worth nothing, and the reverse.
    keys.onChange(() => {
      verified.clear();
      forged.clear();
    });
  }

  function verify(
    credential: string,
    { search = "at_once" }: { readonly search?: Search } = {},
  ): Verification {
    // What can't be a compact JWS at first sight is worth no hash.
    if (credential.length > tokenBytes || !hasThreeParts(credential)) return invalid;
    const digest = hash("sha256", credential, "base64url");
    const remembered = verified.get(digest);
    options.onCacheLookup?.(remembered !== undefined);
    if (remembered !== undefined) return inTime(remembered);
    if (forged.has(digest)) return invalid;

    return check(credential, digest, search);
  }

  /** Checks a credential that is new here. */
  function check(credential: string, digest: string, search: Search): Verification {
    const token = verifySignature(credential, issuers, { ...options, search });
    if (token === undefined) return invalid;
    if (token === "forged") {
      // Only this holds until the keys change: what else makes a token invalid may pass with time.
      forged.set(digest, true);
      return invalid;
    }
    if ("kind" in token) return token;
    verified.set(digest, token);
    count(seen, token);
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

  return { verify, seen, names: options.names ?? plainNames, forget: () => verified.clear() };
}

/** Whether tokens were seen, and none of them carried that. */
export function isNeverCarried(
  what: Exclude<keyof SeenTokens, "tokens">,
  seen: SeenTokens,
): boolean {
  return seen.tokens > 0 && seen[what] === 0;
}

function count(
  seen: { -readonly [name in keyof SeenTokens]: number },
  { subject, sid, jti }: VerifiedToken,
): void {
  seen.tokens += 1;
  if (subject !== undefined) seen.subject += 1;
  if (sid !== undefined) seen.sid += 1;
  if (jti !== undefined) seen.jti += 1;
}

/** All issuers, the main one first. */
export function issuersOf({ keys, issuer, audience, issuers = [] }: VerifierOptions): Issuer[] {
  const ring = "lookFor" in keys ? keys : fixedKeys(keys);
  return [{ issuer, audience, keys: ring }, ...issuers];
}

type UnknownKey = Extract<Verification, { kind: "unknown_key" }>;

function verifySignature(
  credential: string,
  issuers: readonly Issuer[],
  options: VerifierOptions & { readonly search: Search },
): VerifiedToken | UnknownKey | "forged" | undefined {
  const jws = parseCompactJws(credential);
  if (jws === undefined) return undefined;
  const isRevocable = areRevocable(jws.payload, options);
  const ahead = issuedAhead(jws.payload, options);
  // Cheap, and spares the signature's check; nothing is made of the claims before that.
  if (!isRevocable && ahead === undefined) return undefined;
  const possible = issuersNamedIn(jws, issuers).filter(({ audience }) => isMeantFor(jws, audience));
  if (possible.length === 0) return undefined;
  const signed = findSigner(credential, jws, possible, options);
  if (signed !== undefined && ahead !== undefined) options.clockHints?.sawIssuedAhead(ahead);
  if (!isRevocable) return undefined;
  return signed === undefined
    ? unknownKey(jws, possible, options.search)
    : readClaims(jws, signed, options);
}

/** Whose signature it is; undefined if none of the issuers has made it with a key that is known. */
function findSigner(
  credential: string,
  jws: CompactJws,
  issuers: readonly Issuer[],
  { onSignatureCheck }: VerifierOptions,
): { readonly issuer: Issuer; readonly signer: VerificationKey } | undefined {
  for (const issuer of issuers) {
    const signer = keysFor(jws, issuer.keys.keys).find((key) => {
      onSignatureCheck?.();
      return isSignedWith(credential, key);
    });
    if (signer !== undefined) return { issuer, signer };
  }
  return undefined;
}

/** When a token says that it was issued, if that is a hint at a wrong clock. */
function issuedAhead(
  { iat }: CompactJws["payload"],
  { clockHints }: VerifierOptions,
): EpochSeconds | undefined {
  return isNumericDate(iat) && clockHints?.isAhead(iat) ? iat : undefined;
}

/** What to say of a token that no known key has signed: its issuer may have others. */
function unknownKey(
  jws: CompactJws,
  issuers: readonly Issuer[],
  search: Search,
): UnknownKey | "forged" | undefined {
  const { kid } = jws.header;
  const lacking = issuers
    .map(({ keys }) => keys)
    .filter(
      ({ keys, grows }) => grows && (kid === undefined || keys.every((key) => key.kid !== kid)),
    );
  if (lacking.length === 0) return "forged";
  if (search === "in_turn") {
    const isFound = () => lacking.some(({ keys }) => keysFor(jws, keys).length > 0);
    return { kind: "unknown_key", ready: seekIn(lacking, isFound) };
  }
  const searches = search === "none" ? [] : lacking.flatMap((keys) => keys.lookFor() ?? []);
  if (searches.length > 0) {
    return { kind: "unknown_key", ready: Promise.all(searches).then(() => {}) };
  }
  const inTrouble = lacking.some(({ trouble }) => trouble !== undefined);
  // Looked for a moment ago: invalid for now, which is not to be remembered.
  return inTrouble ? { kind: "unknown_key", ready: undefined } : undefined;
}

/** Verifies a credential; waits for its turn if its key has to be fetched. */
export async function verifyInFull(verifier: Verifier, credential: string): Promise<Verification> {
  const verification = verifier.verify(credential, { search: "in_turn" });
  if (verification.kind !== "unknown_key" || verification.ready === undefined) return verification;
  await verification.ready;
  return verifier.verify(credential, { search: "none" });
}
