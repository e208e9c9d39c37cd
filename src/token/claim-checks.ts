import { type Clock, type EpochSeconds, largestToleranceSeconds } from "../platform/clock.ts";

/** What is asked of a token's claims. */
export interface ClaimRules {
  /** Refuses tokens without `iat`, which no cut-off could tell apart. */
  readonly requireIssuedAt?: boolean;
  /** Seconds by which clocks may differ. */
  readonly clockToleranceSeconds: number;
  /** The longest life, in seconds, of a token that is accepted: what can't be revoked for long enough is refused. */
  readonly maxLifetimeSeconds: number;
  readonly clock: Clock;
  /**
   * The latest `exp` of a token that was issued then: no later than that, all its revocations are
   * remembered. It tells what older limits on the life of tokens there were.
   */
  readonly latestExpiry?: (issuedAt: EpochSeconds | undefined) => EpochSeconds;
}

type Claims = Readonly<Record<string, unknown>>;

/** One thing that is asked of a token's claims, whatever signed them. */
export interface ClaimCheck {
  readonly name: string;
  /** What is wrong; undefined where nothing is. */
  complaint(claims: Claims, rules: ClaimRules): string | undefined;
}

/** All of them, in the order in which they are asked. Time itself is asked apart, on every request. */
export const claimChecks: readonly ClaimCheck[] = [
  {
    name: "purpose",
    // A security event (RFC 8417), such as a logout token, is signed by the same issuer and is no access token.
    complaint: (claims) =>
      "events" in claims
        ? "it has an events claim: a security event, not an access token"
        : undefined,
  },
  {
    name: "exp",
    complaint: ({ exp }) =>
      isNumericDate(exp)
        ? undefined
        : "it does not say until when it is valid, in seconds since 1970",
  },
  {
    name: "nbf",
    complaint: ({ nbf }) =>
      nbf === undefined || isNumericDate(nbf) ? undefined : "it is no number of seconds since 1970",
  },
  {
    name: "iat",
    complaint({ iat }, { requireIssuedAt = false, clock }) {
      if (iat === undefined) {
        return requireIssuedAt
          ? "it does not say when it was issued: a revocation of its session or subject may be forgotten"
          : undefined;
      }
      if (!isNumericDate(iat)) return "it is no number of seconds since 1970";
      return iat > clock.nowSeconds() + largestToleranceSeconds
        ? "it says that it was issued in the future"
        : undefined;
    },
  },
  {
    name: "lifetime",
    complaint({ exp, iat }, rules) {
      const { clock, maxLifetimeSeconds, clockToleranceSeconds, latestExpiry } = rules;
      const now = clock.nowSeconds();
      const livesFrom = isNumericDate(iat) ? Math.min(iat, now) : now;
      // An expired token without iat has a negative life here; it is refused as expired.
      const life = Number(exp) - livesFrom;
      if (life > maxLifetimeSeconds + clockToleranceSeconds) {
        return `it lives for ${Math.round(life)} seconds, longer than tokens.maxLifetime`;
      }
      const latest = latestExpiry?.(isNumericDate(iat) ? iat : undefined) ?? Number(exp);
      return Number(exp) > latest + clockToleranceSeconds
        ? `it lives for ${Math.round(life)} seconds, longer than tokens.maxLifetime was when it was issued`
        : undefined;
    },
  },
];

/** Whether claims are such that a token with them could be revoked for as long as it lives. */
export function areRevocable(claims: Claims, rules: ClaimRules): boolean {
  return claimChecks.every((check) => check.complaint(claims, rules) === undefined);
}

const latestDate = 2 ** 32 - 1;

/** Whether a claim is seconds since 1970, in this century or so. */
export function isNumericDate(value: unknown): value is EpochSeconds {
  return typeof value === "number" && value >= 0 && value <= latestDate;
}
