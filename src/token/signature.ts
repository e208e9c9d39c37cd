import { verify } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";
import type { CompactJws } from "./compact-jws.ts";
import type { Algorithm } from "./keys/algorithms.ts";
import { maxKeysTried, type VerificationKey } from "./keys/verification-key.ts";

/**
 * The keys that may have made this signature: those of its `kid` if there are any, else those without an id; all if it
 * names none. The first `maxKeysTried` of them: the server of a key set could make each forged token cost a hundred checks.
 */
export function keysFor(
  { header }: CompactJws,
  keys: readonly VerificationKey[],
): readonly VerificationKey[] {
  const { alg, kid } = header;
  // An extension that must be understood (RFC 7515 section 4.1.11) is one that revgate does not know.
  if ("crit" in header || "b64" in header || "zip" in header) return [];
  const fitting = keys.filter((key) => key.algorithms.includes(alg as Algorithm));
  if (kid === undefined) return fitting.slice(0, maxKeysTried);
  const isNamed = (key: VerificationKey) => key.kid !== undefined && key.kid === kid;
  const others = keys.some(isNamed) ? isNamed : (key: VerificationKey) => key.kid === undefined;
  return fitting.filter(others).slice(0, maxKeysTried);
}

/** Whether a key has made a credential's signature. Nothing else is checked. */
export function isSignedWith(credential: string, { key, algorithms }: VerificationKey): boolean {
  try {
    const { asymmetricKeyType: type } = key;
    if (type === "ed25519" || type === "ed448") return isEdSigned(credential, key);
    jsonwebtoken.verify(credential, key, {
      algorithms: algorithms as jsonwebtoken.Algorithm[],
      // The caller checks the time, on every call.
      ignoreExpiration: true,
      ignoreNotBefore: true,
    });
    return true;
  } catch {
    // Whatever jsonwebtoken stumbles over, the credential made it do so.
    return false;
  }
}

/** EdDSA (RFC 8037 section 3.1), which jsonwebtoken does not know; keysFor has compared `alg`. */
function isEdSigned(credential: string, key: VerificationKey["key"]): boolean {
  const end = credential.lastIndexOf(".");
  const signature = Buffer.from(credential.slice(end + 1), "base64url");
  return verify(null, Buffer.from(credential.slice(0, end)), key, signature);
}

/** Whom tokens may be for: one audience, one of several, or anybody. */
export type Audience = string | readonly string[] | undefined;

/** Whether a token is meant for one of these (`aud`, RFC 7519 section 4.1.3). */
export function isMeantFor({ payload: { aud } }: CompactJws, audience: Audience): boolean {
  if (audience === undefined) return true;
  const accepted: readonly unknown[] = typeof audience === "string" ? [audience] : audience;
  return (Array.isArray(aud) ? aud : [aud]).some((each) => accepted.includes(each));
}
