import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { KeyUnusableError } from "../../errors.ts";
import { readJson } from "../../http/json.ts";
import { type Algorithm, algorithmsFor, isTooShort, type VerificationKey } from "./keys.ts";

/** More keys than that are no issuer's. */
const mostKeys = 100;

/**
 * Reads a JWK Set (RFC 7517 section 5) and keeps the keys that can verify one of the `allowed` algorithms.
 *
 * Honoured: `use`, `key_ops` and `alg` (sections 4.2 to 4.4). Left out, as the RFC asks: what is not
 * understood or too weak, and symmetric keys, which have no place in a set that everybody can read.
 * Throws KeyUnusableError where the text is not a set, or nothing in it can be used.
 */
export function parseJwks(text: string, allowed: readonly Algorithm[]): VerificationKey[] {
  const entries = readSet(text);
  if (entries.length > mostKeys) {
    throw new KeyUnusableError(`the key set holds ${entries.length} keys, ${mostKeys} at most`);
  }
  const keys = entries.flatMap((jwk) => readKey(jwk, allowed) ?? []);
  if (keys.length === 0) {
    throw new KeyUnusableError(
      `the key set holds no key for ${allowed.join(", ")} (of ${entries.length} keys)`,
    );
  }
  return keys;
}

function readSet(text: string): readonly Readonly<Record<string, unknown>>[] {
  const value = readJson(text);
  if (value === undefined) {
    throw new KeyUnusableError("the key set is not JSON, or too deep to be one");
  }
  const keys = isObject(value) ? value["keys"] : undefined;
  if (!Array.isArray(keys)) throw new KeyUnusableError('the key set has no list "keys"');
  return keys.filter(isObject);
}

function readKey(
  jwk: Readonly<Record<string, unknown>>,
  allowed: readonly Algorithm[],
): VerificationKey | undefined {
  const { kty, use, key_ops: operations, alg, kid } = jwk;
  if (kty !== "RSA" && kty !== "EC") return undefined;
  if (use !== undefined && use !== "sig") return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    return undefined;
  }
  const key = importKey(jwk as JsonWebKey);
  if (key === undefined || isTooShort(key)) return undefined;
  const algorithms = algorithmsFor(key, allowed).filter(
    (each) => alg === undefined || each === alg,
  );
  if (algorithms.length === 0) return undefined;
  return { key, algorithms, kid: typeof kid === "string" ? kid : undefined };
}

function importKey(jwk: JsonWebKey): KeyObject | undefined {
  // Its public part alone: a set that holds more has given its secret away, and needs none of it here.
  const { kty, n, e, crv, x, y } = jwk;
  const part = kty === "RSA" ? { kty, n, e } : { kty, crv, x, y };
  try {
    return createPublicKey({ key: part as JsonWebKey, format: "jwk" });
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
