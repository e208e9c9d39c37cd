import jsonwebtoken from "jsonwebtoken";
import type { CompactJws } from "./compact-jws.ts";
import type { Algorithm, VerificationKey } from "./keys/keys.ts";

/** The keys that may have made this signature: those of its `kid` where one is configured, else those without an id. */
export function keysFor(
  { header }: CompactJws,
  keys: readonly VerificationKey[],
): readonly VerificationKey[] {
  const { alg, kid } = header;
  // An extension that must be understood (RFC 7515 section 4.1.11) is one that revgate does not know.
  if ("crit" in header || "b64" in header || "zip" in header) return [];
  const named = keys.filter((key) => key.kid !== undefined && key.kid === kid);
  const candidates = named.length > 0 ? named : keys.filter((key) => key.kid === undefined);
  return candidates.filter((key) => key.algorithms.includes(alg as Algorithm));
}

/** Whether a key has made a credential's signature, and issuer and audience are these where given. */
export function isSignedWith(
  credential: string,
  { key, algorithms }: VerificationKey,
  {
    issuer,
    audience,
  }: { readonly issuer?: string | undefined; readonly audience?: string | undefined },
): boolean {
  try {
    jsonwebtoken.verify(credential, key, {
      algorithms: [...algorithms],
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
      // Time is asked by whoever asks, on every call.
      ignoreExpiration: true,
      ignoreNotBefore: true,
    });
    return true;
  } catch {
    // Whatever jsonwebtoken stumbles over, the credential made it do so.
    return false;
  }
}
