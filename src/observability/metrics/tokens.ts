import type { Makers } from "./makers.ts";

/** What became of an identity provider's event: tokens ended, it meant none, it was not believed, or could not be carried out. */
export const signalResults = ["revoked", "ignored", "refused", "failed"] as const;
/** One of them. */
export type SignalResult = (typeof signalResults)[number];

/** What is counted of tokens, their keys and their issuers. */
export interface TokenMetrics {
  readonly cacheLookups: Readonly<Record<"hit" | "miss", { inc(): void }>>;
  readonly signatureChecks: { inc(): void };
  readonly jwksFetches: Readonly<Record<"ok" | "failed", { inc(): void }>>;
  readonly introspections: Readonly<Record<"active" | "inactive" | "failed", { inc(): void }>>;
  readonly signals: Readonly<Record<SignalResult, { inc(): void }>>;
}

/** Makes what is counted of tokens. */
export function createTokenMetrics(make: Makers): TokenMetrics {
  return {
    jwksFetches: make.counters(
      { name: "revgate_jwks_fetches_total", help: "Fetches of issuers' key sets, by result." },
      "result",
      ["ok", "failed"],
    ),
    introspections: make.counters(
      {
        name: "revgate_introspections_total",
        help: "Questions to the issuer about tokens that are no JWTs, by result: active, inactive (or one that revgate could not revoke), failed (no answer).",
      },
      "result",
      ["active", "inactive", "failed"],
    ),
    signals: make.counters(
      {
        name: "revgate_signals_total",
        help: "Logout tokens and security events of identity providers, by result: revoked (tokens ended), ignored (a duplicate, or it concerns no token here), refused, failed (the store was unavailable; the provider should retry).",
      },
      "result",
      signalResults,
    ),
    signatureChecks: make.counter(
      "revgate_signature_checks_total",
      "Signatures checked: for each new token, valid or forged, one per key that may have signed it. Far more than logins means a flood of forged tokens.",
    ),
    cacheLookups: make.counters(
      {
        name: "revgate_verification_cache_lookups_total",
        help: "Lookups of verified tokens, by result: hit or miss. A miss costs a signature check.",
      },
      "result",
      ["hit", "miss"],
    ),
  };
}
