import { hash } from "node:crypto";
import type { EpochSeconds } from "../platform/clock.ts";
import { tokenIdOf } from "./token-id.ts";
import type { VerifiedToken } from "./verifier.ts";

/**
 * A token that revgate can't look into, such as a refresh token: named by the SHA-256 of its text.
 *
 * Of one in the form of a JWS the signature takes no part, and the parts of a JWE are decoded and written
 * anew: an application may accept several spellings of them (see token-id.ts). In no case can it get the
 * name of a token whose signature was checked, else whoever logs out could name somebody else's; but it
 * is looked up under that name too, so that a token of the issuer's stays dead when its signature is
 * spelled in a way that revgate does not accept and the application does.
 */
export function readOpaqueToken(text: string, expiresAt: EpochSeconds): VerifiedToken {
  const parts = text.split(".");
  const signingInput = parts.length === 3 ? parts.slice(0, 2).join(".") : undefined;
  const named = signingInput ?? (parts.length === 5 ? parts.map(rewrite).join(".") : text);
  return {
    id: hash("sha256", `opaque:${named}`, "base64url"),
    ...(signingInput !== undefined && { otherId: tokenIdOf(signingInput) }),
    subject: undefined,
    issuedAt: undefined,
    expiresAt,
    notBefore: undefined,
  };
}

function rewrite(part: string): string {
  return Buffer.from(part, "base64url").toString("base64url");
}
