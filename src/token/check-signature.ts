import type { EpochSeconds } from "../platform/clock.ts";
import { areRevocable, type ClaimRules, isNumericDate } from "./claim-checks.ts";
import { type CompactJws, parseCompactJws } from "./compact-jws.ts";
import { type Issuer, issuersNamedIn } from "./issuers.ts";
import { seekIn } from "./keys/key-ring.ts";
import type { VerificationKey } from "./keys/verification-key.ts";
import { isMeantFor, isSignedWith, keysFor } from "./signature.ts";
import { type ClaimReading, readClaims, type VerifiedToken } from "./verified-token.ts";

/**
 * How a key is looked for that is not there: `at_once` if the allowance of unknown keys is not used up, which
 * anybody's tokens can do; `in_turn` for who is trusted with waiting (see KeyRing).
 */
export type Search = "at_once" | "in_turn" | "none";

/**
 * A token is signed with a key that its issuer may have and revgate has not. `ready`: that is being looked
 * into, and the question can be asked again then; undefined: it can't be found out at present.
 */
export interface UnknownKey {
  readonly kind: "unknown_key";
  readonly ready: Promise<void> | undefined;
}

/** A token's signature has not been checked, since that would take more time than may be spent on it now. */
export interface Unchecked {
  readonly kind: "unchecked";
}

/** How much time may be spent on signatures. */
export interface CheckBudget {
  /** Whether one may be checked now. */
  mayCheck(): boolean;
  /** Told how long it took, in milliseconds. */
  spend(ms: number): void;
}

/** Who makes something of tokens that were issued in the future. */
export interface IssuedAheadHints {
  /** Whether such an `iat` is worth a look. */
  isAhead(issuedAt: EpochSeconds): boolean;
  sawIssuedAhead(issuedAt: EpochSeconds): void;
}

/** What a signature is checked with. */
export interface SignatureCheck extends ClaimRules, ClaimReading {
  readonly search: Search;
  /** What signatures are checked within; without one, all are checked at once. */
  readonly budget?: CheckBudget | undefined;
  /** Told of tokens that were issued in the future, by somebody whose signature is right. */
  readonly clockHints?: IssuedAheadHints | undefined;
  /** Told of every signature that is checked. */
  readonly onSignatureCheck?: () => void;
}

/** To parse a longer one takes as long as to check its signature: that is charged as well. */
const shortLength = 2048;

/**
 * Checks form, issuer, audience and signature of a credential, and reads its claims if all are right.
 *
 * `forged`: no key of its issuer has signed it, and its issuer has no others. undefined: it is invalid for
 * another reason, or for now.
 */
export function checkSignature(
  credential: string,
  issuers: readonly Issuer[],
  options: SignatureCheck,
): VerifiedToken | UnknownKey | Unchecked | "forged" | undefined {
  if (credential.length <= shortLength) return check(credential, issuers, options);
  const { budget } = options;
  if (budget?.mayCheck() === false) return { kind: "unchecked" };
  const startMs = performance.now();
  try {
    // With all that it takes, its signature included: nothing is charged in between.
    return check(credential, issuers, { ...options, budget: undefined });
  } finally {
    budget?.spend(performance.now() - startMs);
  }
}

function check(
  credential: string,
  issuers: readonly Issuer[],
  options: SignatureCheck,
): ReturnType<typeof checkSignature> {
  const jws = parseCompactJws(credential);
  if (jws === undefined) return undefined;
  const isRevocable = areRevocable(jws.payload, options);
  const ahead = issuedAhead(jws.payload, options);
  // Cheap, and spares the signature's check; nothing is made of the claims before that.
  if (!isRevocable && ahead === undefined) return undefined;
  const possible = issuersNamedIn(jws, issuers).filter(({ audience }) => isMeantFor(jws, audience));
  if (possible.length === 0) return undefined;
  if (options.budget?.mayCheck() === false) return { kind: "unchecked" };
  const startMs = performance.now();
  const signed = findSigner(credential, jws, possible, options);
  options.budget?.spend(performance.now() - startMs);
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
  { onSignatureCheck }: SignatureCheck,
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
  { clockHints }: SignatureCheck,
): EpochSeconds | undefined {
  return isNumericDate(iat) && clockHints?.isAhead(iat) ? iat : undefined;
}

/** What to say of a token that no known key has signed: its issuer may have others. */
function unknownKey(
  jws: CompactJws,
  issuers: readonly Issuer[],
  search: Search,
): UnknownKey | "forged" | undefined {
  const { kid, alg } = jws.header;
  const lacking = issuers
    .map(({ keys }) => keys)
    .filter(
      ({ keys, mayGet }) =>
        mayGet(alg) && (kid === undefined || keys.every((key) => key.kid !== kid)),
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
