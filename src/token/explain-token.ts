import { claimChecks, isNumericDate } from "./claim-checks.ts";
import { type CompactJws, parseCompactJws } from "./compact-jws.ts";
import { type Issuer, issuersNamedIn } from "./issuers.ts";
import { isMeantFor, isSignedWith, keysFor } from "./signature.ts";
import { readClaims, type VerifiedToken } from "./verified-token.ts";
import { issuersOf, type VerifierOptions } from "./verifier.ts";

/** How one check of a token ends; those behind one that fails are not made. */
export interface TokenCheck {
  readonly check: string;
  readonly verdict: "passed" | "failed" | "skipped";
  /** For people. */
  readonly detail: string;
}

/** A token taken apart, and what each check says of it. */
export interface TokenExplanation {
  readonly header: CompactJws["header"] | undefined;
  readonly payload: CompactJws["payload"] | undefined;
  readonly checks: readonly TokenCheck[];
  /** Set where everything but time is right. */
  readonly token: VerifiedToken | undefined;
}

/** Every check, in the order in which they are made. */
const names = [
  ...["size", "form", "issuer"],
  ...claimChecks.map(({ name }) => name),
  ...["key", "signature", "audience", "expiry", "not before"],
];

/**
 * Explains, check by check, why a credential is let through or not, as far as the token itself decides it.
 *
 * Remembers nothing and counts nothing. A verifier with the same options comes to the same verdict.
 */
export async function explainToken(
  credential: string,
  options: VerifierOptions,
): Promise<TokenExplanation> {
  const jws = parseCompactJws(credential);
  const issuers = jws === undefined ? [] : issuersNamedIn(jws, issuersOf(options));
  for (const { keys } of issuers) {
    const isKnown = () => jws === undefined || keysFor(jws, keys.keys).length > 0;
    if (!isKnown()) await keys.seek(isKnown);
  }
  const examined = (issuers.length === 0 ? [undefined] : issuers).map((issuer) => ({
    issuer,
    checks: upToFailure(examine(credential, jws, issuer, options)),
  }));
  const best = examined.find(({ checks }) => hasPassed(checks, "audience")) ?? examined[0];
  const { issuer, checks = [] } = best ?? {};
  const isRight = hasPassed(checks, "audience");
  return {
    header: jws?.header,
    payload: jws?.payload,
    checks: [...checks, ...skippedAfter(checks)],
    token: isRight && jws && issuer ? readSigned(credential, jws, issuer, options) : undefined,
  };
}

/** Which check a credential fails, in one line, by the keys that are here; undefined if it is right but for the denylist. */
export function whyInvalid(credential: string, options: VerifierOptions): string | undefined {
  const jws = parseCompactJws(credential);
  const issuers = jws === undefined ? [] : issuersNamedIn(jws, issuersOf(options));
  const failures = (issuers.length === 0 ? [undefined] : issuers).map((issuer) =>
    nameFailure(upToFailure(examine(credential, jws, issuer, options))),
  );
  return failures.includes(undefined) ? undefined : failures[0];
}

/** The check that failed, and why; undefined if all have passed. */
export function nameFailure(checks: readonly TokenCheck[]): string | undefined {
  const failed = checks.find(({ verdict }) => verdict === "failed");
  return failed && `${failed.check}: ${failed.detail}`;
}

/** What a verifier would read. */
function readSigned(
  credential: string,
  jws: CompactJws,
  issuer: Issuer,
  options: VerifierOptions,
): VerifiedToken {
  const keys = keysFor(jws, issuer.keys.keys);
  const signer = keys.find((key) => isSignedWith(credential, key));
  return readClaims(jws, { issuer, signer }, options);
}

/** Makes the checks, one after the other; the caller may stop at the first that fails. */
function* examine(
  credential: string,
  jws: CompactJws | undefined,
  issuer: Issuer | undefined,
  options: VerifierOptions,
): Generator<TokenCheck> {
  const length = `${credential.length} bytes`;
  yield check("size", credential.length <= options.tokenBytes, length, `${length}, too many`);
  yield check(
    "form",
    jws !== undefined,
    "a compact JWS",
    "not three parts of base64url, of which two are JSON objects",
  );
  if (jws === undefined) return;
  const { payload } = jws;
  const iss = `iss is ${quote(payload["iss"])}`;
  yield check("issuer", issuer !== undefined, iss, `${iss}, which is none of the configured ones`);
  if (issuer === undefined) return;
  for (const { name, complaint } of claimChecks) {
    const wrong = complaint(payload, options);
    yield check(name, wrong === undefined, describeClaim(name, payload), wrong ?? "");
  }
  yield* examineSignature(credential, jws, issuer);
  yield* examineTime(payload, options);
}

function* examineSignature(
  credential: string,
  jws: CompactJws,
  issuer: Issuer,
): Generator<TokenCheck> {
  const { alg, kid } = jws.header;
  const named = `alg ${quote(alg)}, kid ${quote(kid)}`;
  const keys = keysFor(jws, issuer.keys.keys);
  const trouble = issuer.keys.trouble ?? `${named}: none of the keys here may have signed it`;
  yield check("key", keys.length > 0, `${named}: ${keys.length} of the keys here`, trouble);
  const signers = keys.filter((key) => isSignedWith(credential, key));
  yield check("signature", signers.length > 0, "right", "not made by any of these keys");
  const aud = `aud is ${quote(jws.payload["aud"])}`;
  const expected = `${aud}, expected ${quote(issuer.audience)}`;
  const meant = isMeantFor(jws, issuer.audience);
  yield check("audience", meant, issuer.audience === undefined ? "any" : aud, expected);
}

function* examineTime(
  { exp, nbf }: CompactJws["payload"],
  { clock, clockToleranceSeconds }: VerifierOptions,
): Generator<TokenCheck> {
  const now = clock.nowSeconds();
  const isOver = now >= Number(exp) + clockToleranceSeconds;
  yield check("expiry", !isOver, `until ${date(exp)}`, `it has expired at ${date(exp)}`);
  const begins = Number(nbf ?? 0) - clockToleranceSeconds;
  const from = nbf === undefined ? "at once" : `from ${date(nbf)}`;
  yield check("not before", now >= begins, from, `not valid before ${date(nbf)}`);
}

function check(name: string, passed: boolean, right: string, wrong: string): TokenCheck {
  return { check: name, verdict: passed ? "passed" : "failed", detail: passed ? right : wrong };
}

function upToFailure(checks: Iterable<TokenCheck>): TokenCheck[] {
  const made: TokenCheck[] = [];
  for (const each of checks) {
    made.push(each);
    if (each.verdict === "failed") break;
  }
  return made;
}

function skippedAfter(checks: readonly TokenCheck[]): TokenCheck[] {
  return names
    .slice(checks.length)
    .map((name) => ({ check: name, verdict: "skipped", detail: "" }));
}

function hasPassed(checks: readonly TokenCheck[], name: string): boolean {
  return checks.some((each) => each.check === name && each.verdict === "passed");
}

function describeClaim(name: string, payload: CompactJws["payload"]): string {
  switch (name) {
    case "purpose":
      return "an access token";
    case "lifetime":
      return "short enough to be revocable";
    default:
      return payload[name] === undefined ? "not given" : date(payload[name]);
  }
}

function quote(value: unknown): string {
  return value === undefined ? "not given" : JSON.stringify(value);
}

function date(value: unknown): string {
  if (!isNumericDate(value)) return quote(value);
  return new Date(value * 1000).toISOString().replace(".000", "");
}
