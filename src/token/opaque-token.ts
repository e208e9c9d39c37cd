import { hash } from "node:crypto";
import type { EpochSeconds } from "../platform/clock.ts";
import { parseCompactJws } from "./compact-jws.ts";
import type { VerifiedToken } from "./verifier.ts";

/**
 * A token that revgate can't look into, such as a refresh token: named by the SHA-256 of its text.
 *
 * One in the form of a JWS is named by its signing input, since several spellings of it would be accepted
 * (see token-id.ts). In no case can it have the name of a token whose signature was checked: else whoever
 * logs out could name somebody else's.
 */
export function readOpaqueToken(text: string, expiresAt: EpochSeconds): VerifiedToken {
  const named = parseCompactJws(text)?.signingInput ?? text;
  return {
    id: hash("sha256", `opaque:${named}`, "base64url"),
    subject: undefined,
    issuedAt: undefined,
    expiresAt,
    notBefore: undefined,
  };
}
