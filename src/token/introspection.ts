import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { EpochSeconds } from "../platform/clock.ts";
import { areRevocable, type ClaimRules } from "./claim-checks.ts";
import { claimHeaders } from "./claim-headers.ts";
import { claimAt } from "./claims.ts";
import { type Names, namesIn } from "./names.ts";
import { readOpaqueToken } from "./opaque-token.ts";
import type { ClaimReading, VerifiedToken } from "./verified-token.ts";
import type { Verification, Verifier, VerifyOptions } from "./verifier.ts";

/** How an issuer is asked about tokens that nobody else can read (RFC 7662). */
export interface IntrospectionOptions extends ClaimRules, ClaimReading {
  readonly names: Names;
  readonly issuer: string | undefined;
  readonly audience: string | readonly string[] | undefined;
  /** Max length of a token, in bytes. */
  readonly tokenBytes: number;
  /** How long an answer holds, in milliseconds. */
  readonly cacheMs: number;
  /** Asks the issuer; resolves to the body of its answer 200, as JSON, and rejects if there is none. */
  readonly ask: (credential: string) => Promise<unknown>;
  /** Told of every answer, or that there was none. */
  readonly onAnswer: (result: "active" | "inactive" | Error) => void;
}

/** What the issuer said; `forgetAtMs` by `performance.now()`. */
interface Known {
  readonly token: VerifiedToken | undefined;
  readonly forgetAtMs: number;
}

/** How much later a request may act on the answer that it has waited for: on a busy machine its turn takes a while. */
const maxLateMs = 10_000;
const maxKnown = 10_000;
/** More questions at a time are not asked: who sends made-up tokens must not make revgate flood the issuer. */
const maxAsked = 64;

/**
 * A verifier that asks the issuer about what is no JWT.
 *
 * Its answer holds for `cacheMs`; what is revoked here is refused in between all the same, since the denylist is asked on
 * every request. If there is no answer, nobody knows whether the token is good: it is `unknown_key`, and the request 503.
 */
export function withIntrospection(verifier: Verifier, options: IntrospectionOptions): Verifier {
  const known = new LRUCache<string, Known>({ max: maxKnown });
  const asked = new Map<string, Promise<void>>();

  const ask = (credential: string, key: string): Promise<void> | undefined => {
    const running = asked.get(key);
    if (running !== undefined || asked.size >= maxAsked) return running;
    // What is there behind the wait is the answer that was waited for.
    known.delete(key);
    const asking = options
      .ask(credential)
      .then(
        (answer) => {
          const token = readAnswer(answer, credential, options);
          options.onAnswer(token === undefined ? "inactive" : "active");
          known.set(key, { token, forgetAtMs: performance.now() + options.cacheMs });
        },
        (error: unknown) => options.onAnswer(error as Error),
      )
      .finally(() => asked.delete(key));
    asked.set(key, asking);
    return asking;
  };

  return {
    ...verifier,
    verify(credential, how: VerifyOptions = {}): Verification {
      if (!isOpaque(credential, options.tokenBytes)) return verifier.verify(credential, how);
      const key = hash("sha256", credential, "base64url");
      const found = known.get(key);
      const late = how.search === "none" ? maxLateMs : 0;
      if (found !== undefined && performance.now() < found.forgetAtMs + late) {
        return found.token === undefined ? { kind: "invalid" } : inTime(found.token, options);
      }
      const ready = how.search === "none" ? undefined : ask(credential, key);
      return { kind: "unknown_key", ready };
    },
    forget() {
      known.clear();
      verifier.forget();
    },
  };
}

/** Whether it can be a token that only its issuer can read (RFC 6750 section 2.1); a forged JWT is not asked about. */
function isOpaque(credential: string, maxBytes: number): boolean {
  if (credential.length > maxBytes || !/^[\w.~+/-]+=*$/.test(credential)) return false;
  return credential.split(".", 3).length < 3;
}

/** The token that an answer describes; undefined if it is not active, not meant for us, or could not be revoked. */
function readAnswer(
  answer: unknown,
  credential: string,
  options: IntrospectionOptions,
): VerifiedToken | undefined {
  if (typeof answer !== "object" || answer === null) return undefined;
  const claims = answer as Readonly<Record<string, unknown>>;
  if (claims["active"] !== true || !areRevocable(claims, options)) return undefined;
  if (!isMeant(claims, options)) return undefined;
  const { names, subjectClaim = "sub", sessionClaim = "sid", forwardClaims } = options;
  const expiresAt = claims["exp"] as EpochSeconds;
  // By the names that its text has elsewhere: another spelling that the issuer accepts is revoked with it.
  const text = readOpaqueToken(credential, expiresAt, names);
  const claimed = namesIn({
    tok: { value: text.id, former: [] },
    jti: names.claim("jti", undefined, claims["jti"]),
    sid: names.claim("sid", undefined, claimAt(claims, sessionClaim)),
    sub: names.claim("sub", undefined, claimAt(claims, subjectClaim)),
  });
  return {
    ...claimed,
    former: [...(text.former ?? []), ...(claimed.former ?? [])],
    others: [...(text.others ?? []), ...(claimed.others ?? [])],
    issuedAt: claims["iat"] as EpochSeconds | undefined,
    expiresAt,
    notBefore: claims["nbf"] as EpochSeconds | undefined,
    ...(forwardClaims && { headers: claimHeaders(claims, forwardClaims) }),
  };
}

/** The issuer knows who asks; what it says of issuer and audience besides has to be right. */
function isMeant(
  { iss, aud }: Readonly<Record<string, unknown>>,
  { issuer, audience }: IntrospectionOptions,
): boolean {
  if (iss !== undefined && issuer !== undefined && iss !== issuer) return false;
  if (aud === undefined || audience === undefined) return true;
  const wanted = [audience].flat();
  return [aud].flat().some((each) => wanted.includes(each as string));
}

function inTime(token: VerifiedToken, { clock, clockToleranceSeconds }: ClaimRules): Verification {
  const now = clock.nowSeconds();
  const [start, end] = [
    (token.notBefore ?? Number.NEGATIVE_INFINITY) - clockToleranceSeconds,
    token.expiresAt + clockToleranceSeconds,
  ];
  if (clock.doubt !== undefined) return { kind: "in_doubt", token };
  if (now >= end) return { kind: "expired", token };
  return now < start ? { kind: "invalid" } : { kind: "valid", token };
}
