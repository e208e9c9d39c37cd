import { hash } from "node:crypto";
import type { EpochSeconds } from "../platform/clock.ts";
import { createFairTurns } from "../platform/fair-turns.ts";
import { areRevocable, type ClaimRules } from "./claim-checks.ts";
import { claimHeaders } from "./claim-headers.ts";
import { claimAt } from "./claims.ts";
import { createIntrospectionAnswers } from "./introspection-answers.ts";
import { type Names, namesIn } from "./names.ts";
import { readOpaqueToken } from "./opaque-token.ts";
import { countSeen, sumOfSeen } from "./seen-tokens.ts";
import {
  boundCertificate,
  type ClaimReading,
  namedBefore,
  type VerifiedToken,
} from "./verified-token.ts";
import type { Verification, Verifier, VerifyOptions } from "./verifier.ts";

/** How an issuer is asked about tokens that only it can read (RFC 7662). */
export interface IntrospectionOptions extends ClaimRules, ClaimReading {
  readonly names: Names;
  readonly issuer: string | undefined;
  readonly audience: string | readonly string[] | undefined;
  /** Max length of a token, in bytes. */
  readonly tokenBytes: number;
  /** How long an answer holds, in milliseconds. */
  readonly cacheMs: number;
  /** How long a question waits at most before it is asked, in milliseconds. */
  readonly maxWaitMs: number;
  /** Asks the issuer; resolves to the body of its answer 200, as JSON, and rejects if there is none. */
  readonly ask: (credential: string) => Promise<unknown>;
  /** Told of every answer, or that there was none. */
  readonly onAnswer: (result: "active" | "inactive" | Error) => void;
}

/** How much later a request may act on the answer that it has waited for: on a busy machine its turn takes a while. */
const maxLateMs = 10_000;
/** More questions at a time are not asked: who sends made-up tokens must not make revgate flood the issuer. */
const maxAsked = 64;
/** How many questions wait until one of those is answered; the clients' networks take turns. */
const maxWaiting = 1024;

/**
 * A verifier that asks the issuer about what is no JWT.
 *
 * Its answer holds for `cacheMs`; what is revoked here is refused in between anyway, since the denylist is asked on
 * every request. If there is no answer, it is unknown whether the token is good: it is `unknown_key`, and the request 503.
 */
export function withIntrospection(verifier: Verifier, options: IntrospectionOptions): Verifier {
  const answers = createIntrospectionAnswers(options.cacheMs);
  const inTurn = createFairTurns({ max: maxAsked, maxWaiting });
  const asked = new Map<string, Promise<void>>();
  const introspected = { tokens: 0, subject: 0, sid: 0, jti: 0 };

  const ask = async (credential: string, key: string, network: () => string): Promise<void> => {
    try {
      const giveUpAtMs = performance.now() + options.maxWaitMs;
      // An answer stands in an object, since it may be anything.
      const said = await inTurn(network, async () =>
        performance.now() > giveUpAtMs ? undefined : { answer: await options.ask(credential) },
      );
      if (said === undefined) return;
      const token = readAnswer(said.answer, credential, options);
      options.onAnswer(token === undefined ? "inactive" : "active");
      if (token !== undefined) countSeen(introspected, token);
      answers.note(key, token);
    } catch (error) {
      options.onAnswer(error as Error);
    } finally {
      asked.delete(key);
    }
  };
  const askOnce = (credential: string, key: string, network: () => string): Promise<void> => {
    const running = asked.get(key);
    if (running !== undefined) return running;
    // What is there behind the wait is the answer that was waited for.
    answers.forget(key);
    const asking = ask(credential, key, network);
    asked.set(key, asking);
    return asking;
  };

  return {
    ...verifier,
    get seen() {
      return sumOfSeen(verifier.seen, introspected);
    },
    verify(credential, how: VerifyOptions = {}): Verification {
      if (!isOpaque(credential, options.tokenBytes)) return verifier.verify(credential, how);
      const key = hash("sha256", credential, "base64url");
      const { search = "at_once", network = unknownNetwork } = how;
      const found = answers.find(key, search === "none" ? maxLateMs : 0);
      if (found !== undefined) return standing(found.token, options);
      const ready = search === "none" ? undefined : askOnce(credential, key, network);
      return { kind: "unknown_key", ready };
    },
    remembered: () => [...verifier.remembered(), ...answers.active()],
    forget() {
      answers.clear();
      verifier.forget();
    },
  };
}

/** What is asked without a client, as at the control socket, takes turns with the clients' networks. */
const unknownNetwork = () => "";

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
  const { names, issuer, subjectClaim = "sub", sessionClaim = "sid", forwardClaims } = options;
  const expiresAt = claims["exp"] as EpochSeconds;
  // By the names that its text has elsewhere: another spelling that the issuer accepts is revoked with it.
  const text = readOpaqueToken(credential, expiresAt, names);
  const issuedAt = claims["iat"] as EpochSeconds | undefined;
  const claimed = namesIn(
    {
      tok: { value: text.id, former: [] },
      jti: names.claim("jti", issuer, claims["jti"]),
      sid: names.claim("sid", issuer, claimAt(claims, sessionClaim)),
      sub: names.claim("sub", issuer, claimAt(claims, subjectClaim)),
    },
    namedBefore(claims, issuer, { ...options, issuedAt, subjectClaim, sessionClaim }),
  );
  return {
    ...claimed,
    former: [...(text.former ?? []), ...(claimed.former ?? [])],
    others: [...(text.others ?? []), ...(claimed.others ?? [])],
    issuedAt,
    expiresAt,
    notBefore: claims["nbf"] as EpochSeconds | undefined,
    certificate: boundCertificate(claims["cnf"]),
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

function standing(
  token: VerifiedToken | undefined,
  { clock, clockToleranceSeconds }: ClaimRules,
): Verification {
  if (token === undefined) return { kind: "invalid" };
  const now = clock.nowSeconds();
  const [start, end] = [
    (token.notBefore ?? Number.NEGATIVE_INFINITY) - clockToleranceSeconds,
    token.expiresAt + clockToleranceSeconds,
  ];
  if (clock.doubt !== undefined) return { kind: "in_doubt", token };
  if (now >= end) return { kind: "expired", token };
  return now < start ? { kind: "invalid" } : { kind: "valid", token };
}
