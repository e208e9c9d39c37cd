import type { FieldLines } from "../http/field-lines.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import { claimHeaders } from "./claim-headers.ts";
import { claimAt } from "./claims.ts";
import type { CompactJws } from "./compact-jws.ts";
import type { Issuer } from "./issuers.ts";
import type { VerificationKey } from "./keys/verification-key.ts";
import { type NamedAs, type Names, namesIn, plainNames } from "./names.ts";

/** Facts about a token whose signature, issuer and audience are right. They hold for as long as it exists. */
export interface VerifiedToken {
  /** What a revocation of this token alone names. */
  readonly id: string;
  /** What revocations by these claims name; undefined if the token has none, or no text. */
  readonly jti?: string | undefined;
  readonly sid?: string | undefined;
  readonly subject: string | undefined;
  /** All these in their former forms: it is revoked by them too (see names.ts). */
  readonly former?: readonly NamedAs[] | undefined;
  /** All other names under which it may have been revoked: the former ones, and any of another token. */
  readonly others?: readonly NamedAs[] | undefined;
  /** What the session is called to which it was linked when it was handed out; looked up only where that matters. */
  readonly session?: string | undefined;
  readonly issuedAt: EpochSeconds | undefined;
  readonly expiresAt: EpochSeconds;
  readonly notBefore: EpochSeconds | undefined;
  /** The SHA-256 (base64url) of the client certificate that it is bound to; undefined if it is bound to none. */
  readonly certificate?: string | undefined;
  /** Set if revgate can't look into it: nothing was checked (see opaque-token.ts). */
  readonly isOpaque?: true;
  /** Set if it had been revoked, or was over, when it came: it ends itself alone. */
  readonly isDead?: true;
  /** What the application is told of it. */
  readonly headers?: FieldLines | undefined;
}

/** A token, and the claims that say whose it is and of which session. */
export interface ReadToken {
  readonly issuedAt: EpochSeconds | undefined;
  readonly subjectClaim: string;
  readonly sessionClaim: string;
}

/** A claim that said so before. */
export interface FormerClaim {
  readonly kind: "sub" | "sid";
  readonly claim: string;
}

/** What is read of a token's claims, besides what its key and issuer say of it. */
export interface ClaimReading {
  /** The claims that say whose a token is (`sub`) and of which session (`sid`), if nothing nearer does. */
  readonly subjectClaim?: string;
  readonly sessionClaim?: string;
  /** What names its tokens; default: plain hashes. */
  readonly names?: Names | undefined;
  /** By which other claims a token may have been revoked: they are looked up as well. */
  readonly formerClaims?: ((token: ReadToken) => readonly FormerClaim[]) | undefined;
  /** By which header (name) the application is told of which claim (key). */
  readonly forwardClaims?: ReadonlyMap<string, string>;
}

/** The claims that revgate needs of a token whose signature is right and whose claims are revocable. */
export function readClaims(
  { payload, signingInput }: CompactJws,
  { issuer, signer }: { readonly issuer: Issuer; readonly signer: VerificationKey | undefined },
  options: ClaimReading,
): VerifiedToken {
  const { forwardClaims, formerClaims, names = plainNames } = options;
  const { namespace } = issuer;
  const { exp, nbf, iat, jti } = payload;
  // The nearest says it: the key, its issuer, all tokens.
  const nearest = [signer?.claims, issuer.claims, options];
  const subjectClaim = nearest.find((each) => each?.subjectClaim)?.subjectClaim ?? "sub";
  const sessionClaim = nearest.find((each) => each?.sessionClaim)?.sessionClaim ?? "sid";
  const issuedAt = iat as EpochSeconds | undefined;
  return {
    ...namesIn(
      {
        tok: names.token(signingInput),
        jti: names.claim("jti", namespace, jti),
        sid: names.claim("sid", namespace, claimAt(payload, sessionClaim)),
        sub: names.claim("sub", namespace, claimAt(payload, subjectClaim)),
      },
      namedBefore(payload, namespace, {
        issuedAt,
        subjectClaim,
        sessionClaim,
        names,
        formerClaims,
      }),
    ),
    issuedAt,
    expiresAt: exp as EpochSeconds,
    notBefore: nbf as EpochSeconds | undefined,
    certificate: boundCertificate(payload["cnf"]),
    ...(forwardClaims && { headers: claimHeaders(payload, forwardClaims) }),
  };
}

/** The names by claims that named subjects and sessions before. */
export function namedBefore(
  claims: Readonly<Record<string, unknown>>,
  namespace: string | undefined,
  { names, formerClaims, ...token }: ReadToken & ClaimReading & { readonly names: Names },
): NamedAs[] {
  return (formerClaims?.(token) ?? []).flatMap(({ kind, claim }) => {
    const name = names.claim(kind, namespace, claimAt(claims, claim));
    return name === undefined ? [] : [name.value, ...name.former].map((value) => ({ kind, value }));
  });
}

/** What `cnf` says (RFC 8705 sections 3.1 and 3.2). A hash that can't be one is that of no certificate. */
export function boundCertificate(confirmation: unknown): string | undefined {
  if (typeof confirmation !== "object" || confirmation === null) return undefined;
  if (!Object.hasOwn(confirmation, "x5t#S256")) return undefined;
  const { "x5t#S256": hash } = confirmation as { readonly "x5t#S256": unknown };
  return typeof hash === "string" ? Buffer.from(hash, "base64url").toString("base64url") : "";
}
