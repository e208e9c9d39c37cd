import type { Clock, EpochSeconds } from "../platform/clock.ts";

/** What is asked of a token's claims. */
export interface ClaimRules {
  /** Refuses tokens without `iat`, which no cut-off could tell apart. */
  readonly requireIssuedAt?: boolean;
  /** Seconds by which clocks may differ. */
  readonly clockToleranceSeconds: number;
  /** The longest life, in seconds, of a token that is accepted: what can't be revoked for long enough is refused. */
  readonly maxLifetimeSeconds: number;
  readonly clock: Clock;
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
    // A security event (RFC 8417), such as a logout token, is signed by the same issuer, and lets nobody in.
    complaint: (claims) =>
      "events" in claims
        ? "it has an events claim: a security event, which lets nobody in"
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
    complaint({ iat }, { requireIssuedAt = false }) {
      if (iat === undefined) {
        return requireIssuedAt
          ? "it does not say when it was issued, and a rule has revoke: subject"
          : undefined;
      }
      return isNumericDate(iat) ? undefined : "it is no number of seconds since 1970";
    },
  },
  {
    name: "lifetime",
    complaint({ exp, iat }, { clock, maxLifetimeSeconds, clockToleranceSeconds }) {
      const now = clock.nowSeconds();
      const livesFrom = isNumericDate(iat) ? Math.min(iat, now) : now;
      // An expired token without iat has a negative life here; it is refused as expired.
      const life = Number(exp) - livesFrom;
      return life > maxLifetimeSeconds + clockToleranceSeconds
        ? `it lives for ${Math.round(life)} seconds, longer than tokens.maxLifetime`
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
