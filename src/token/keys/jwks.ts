import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { KeyUnusableError } from "../../errors.ts";
import { readJson } from "../../http/json.ts";
import { isKeyId } from "../key-id.ts";
import { type Algorithm, algorithmsFor, describeKey, whyUnfit } from "./algorithms.ts";
import { maxKeysTried, type VerificationKey } from "./verification-key.ts";

/** Max number of keys in a set; no issuer has more. */
const maxKeys = 100;
/**
 * Max length of a key's members as texts: RSA of 8192 bits with an exponent of 4 bytes, coordinates of P-521. Looked at
 * before the key is made: what OpenSSL and Node do with a longer one takes minutes.
 */
const maxChars = { n: 1368, e: 6, x: 90, y: 90 } as const;

/** What a JWK Set holds. */
export interface KeySet {
  readonly keys: VerificationKey[];
  /** Which keys were left out, and why; not those that are meant for something else. */
  readonly leftOut: string[];
}

type Jwk = Readonly<Record<string, unknown>>;

/**
 * Reads a JWK Set (RFC 7517 section 5) and keeps the keys that can verify one of the `allowed` algorithms.
 *
 * Honoured: `use`, `key_ops` and `alg` (sections 4.2 to 4.4). Left out, as the RFC asks: what is not
 * understood or too weak, and symmetric keys, which have no place in a set that everybody can read.
 * Throws KeyUnusableError if the text is not a set, or nothing in it can be used.
 */
export function parseJwks(text: string, allowed: readonly Algorithm[]): KeySet {
  const entries = readSet(text);
  if (entries.length > maxKeys) {
    throw new KeyUnusableError(`the key set holds ${entries.length} keys, ${maxKeys} at most`);
  }
  const keys: VerificationKey[] = [];
  const leftOut: string[] = [];
  for (const [index, jwk] of entries.entries()) {
    const read = isObject(jwk) ? readKey(jwk, allowed) : "no object";
    if (typeof read !== "string") keys.push(...read);
    else leftOut.push(`${nameOf(jwk, index)}: ${read}`);
  }
  if (keys.length > maxKeysTried) {
    const more = `${keys.length - maxKeysTried} keys behind the first ${maxKeysTried}`;
    leftOut.push(`${more}: only for tokens that name them by kid`);
  }
  if (keys.length > 0) return { keys, leftOut };
  const reasons = leftOut.length === 0 ? "" : `: ${leftOut.slice(0, 5).join("; ")}`;
  throw new KeyUnusableError(
    `the key set holds no key for ${allowed.join(", ")} (of ${entries.length} keys)${reasons}`,
  );
}

function readSet(text: string): readonly unknown[] {
  const value = readJson(text);
  if (value === undefined) {
    throw new KeyUnusableError("the key set is not JSON, or too deep to be one");
  }
  const keys = isObject(value) ? value["keys"] : undefined;
  if (!Array.isArray(keys)) throw new KeyUnusableError('the key set has no list "keys"');
  return keys;
}

function nameOf(jwk: unknown, index: number): string {
  const kid = isObject(jwk) ? jwk["kid"] : undefined;
  return typeof kid === "string" ? `kid ${JSON.stringify(kid.slice(0, 100))}` : `key ${index + 1}`;
}

/** The key, none if it is meant for something else than signatures, or why it can't be used. */
function readKey(jwk: Jwk, allowed: readonly Algorithm[]): VerificationKey[] | string {
  const { kty, use, key_ops: operations, alg, kid } = jwk;
  if (use !== undefined && use !== "sig") return [];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    return [];
  }
  const members = publicMembers(jwk);
  if (members === undefined)
    return `kty ${JSON.stringify(kty)?.slice(0, 20)} is not supported here`;
  const key = importKey(jwk, members);
  if (typeof key === "string") return key;
  const unfit = whyUnfit(key);
  if (unfit !== undefined) return unfit;
  const algorithms = algorithmsFor(key, allowed).filter(
    (each) => alg === undefined || isNamed(each, alg),
  );
  if (algorithms.length === 0) {
    const named = alg === undefined ? describeKey(key) : `alg ${JSON.stringify(alg)?.slice(0, 20)}`;
    return `${named} serves none of ${allowed.join(", ")}`;
  }
  return [{ key, algorithms, kid: typeof kid === "string" ? kid : undefined }];
}

/** A key for EdDSA serves Ed25519 too, and the reverse: one algorithm by two names (RFC 9864). */
function isNamed(algorithm: Algorithm, alg: unknown): boolean {
  if (algorithm === "EdDSA" || algorithm === "Ed25519") return alg === "EdDSA" || alg === "Ed25519";
  return alg === algorithm;
}

/** Its public part alone: a set that holds more has given its secret away, and needs none of it here. */
function publicMembers({ kty, n, e, crv, x, y }: Jwk): object | undefined {
  switch (kty) {
    case "RSA":
      return { kty, n, e };
    case "EC":
      return { kty, crv, x, y };
    case "OKP":
      return { kty, crv, x };
    default:
      return undefined;
  }
}

/** The key, or why there is none. */
function importKey(jwk: Jwk, members: object): KeyObject | string {
  const tooLong = longMember(jwk);
  if (tooLong !== undefined) return `${tooLong} is longer than that of any key that is used`;
  try {
    return createPublicKey({ key: members as JsonWebKey, format: "jwk" });
  } catch {
    return "broken";
  }
}

/** The first of a key's members that is longer than that of any key that is used. */
function longMember(jwk: Jwk): string | undefined {
  if (!isKeyId(jwk["kid"])) return "kid";
  return Object.entries(maxChars).find(([name, max]) => {
    const value = jwk[name];
    return typeof value === "string" && value.length > max;
  })?.[0];
}

function isObject(value: unknown): value is Jwk {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
