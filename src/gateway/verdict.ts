import type { VerifiedToken } from "../token/verified-token.ts";
import type { GatheredBody } from "./request-body.ts";

/** Why a credential was not accepted. */
export const denyReasons = [
  "token_missing",
  "token_revoked",
  "token_invalid",
  "token_expired",
  "token_ambiguous",
] as const;
/** One of them. */
export type DenyReason = (typeof denyReasons)[number];

/**
 * Every reason for which revgate itself answers a request: a closed list.
 *
 * The same word is the `error` of the body, the metric's label, the log's field and the heading in
 * docs/errors.md.
 */
export const refusalReasons = [
  ...denyReasons,
  "request_ambiguous",
  "request_too_large",
  "request_timeout",
  "certificate_required",
  "denylist_unavailable",
  "keys_unavailable",
  "checks_busy",
  "revocation_pending",
  "upstream_busy",
  "upstream_unreachable",
  "upstream_timeout",
  "internal_error",
] as const;
/** One of them. */
export type RefusalReason = (typeof refusalReasons)[number];

/** No, and why. */
export interface Denial<Reason extends RefusalReason = RefusalReason> {
  readonly kind: "deny";
  readonly reason: Reason;
}

/** Undecided until `ready` resolves; then all checks run again. */
export type Wait =
  | {
      readonly kind: "wait";
      /** A key, which many may wait for. */
      readonly what: "key";
      readonly ready: Promise<void>;
    }
  /** Its body, and its turn to have that read. */
  | { readonly kind: "wait"; readonly what: "body"; readonly ready: Promise<GatheredBody> }
  /** Its turn to have a signature checked. */
  | { readonly kind: "wait"; readonly what: "turn" };

/** Why it is unknown whether a credential is to be accepted. */
export type UnknownReason = "keys_unavailable" | "denylist_unavailable";

/** What is known of a request's right to pass, before the store is asked. */
export type Verdict =
  | { readonly kind: "allow"; readonly token: VerifiedToken | undefined }
  | Denial<DenyReason | UnknownReason>
  | Wait
  /** Everything is in order but for the denylist, which can't answer from memory. */
  | { readonly kind: "ask"; readonly token: VerifiedToken };

/** The verdict no, for that reason. */
export function deny<Reason extends RefusalReason>(reason: Reason): Denial<Reason> {
  return { kind: "deny", reason };
}

/** A request waits until it is its turn to have a signature checked. */
export const waitForTurn = { kind: "wait", what: "turn" } as const;
