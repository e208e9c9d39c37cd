import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { KeyUnusableError } from "../../errors.ts";
import type { ClaimNames } from "../claims.ts";

/** The signature algorithms of RFC 7518 section 3.1 that revgate can be configured for. */
export const supportedAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "HS256",
  "HS384",
  "HS512",
] as const;

/** One of the algorithms. */
export type Algorithm = (typeof supportedAlgorithms)[number];

/** One key, with the only algorithms it may ever serve. */
export interface VerificationKey {
  readonly key: KeyObject;
  readonly algorithms: readonly Algorithm[];
  /** Set where the configuration gives the key an id: it then serves tokens with that `kid` alone. */
  readonly kid: string | undefined;
  /** Set if the tokens of this key say in claims of their own whose they are. */
  readonly claims?: ClaimNames | undefined;
}

/** Key material as the configuration names it; `source` is the file, for messages. */
export interface KeyMaterial {
  readonly kind: "public" | "secret";
  readonly bytes: Buffer;
  readonly source: string;
  readonly kid: string | undefined;
  readonly claims?: ClaimNames | undefined;
}

const curveOf = { ES256: "prime256v1", ES384: "secp384r1", ES512: "secp521r1" } as const;
const secretBytesOf = { HS256: 32, HS384: 48, HS512: 64 } as const;
const smallestModulusBits = 2048;

/**
 * Makes a key out of a PEM public key, a PEM certificate or a shared secret, once, at start.
 *
 * The key is bound to those of the `allowed` algorithms that fit its family, so that a public key can
 * never be tried as an HMAC secret (RFC 8725 section 3.1). A key that fits none of them, an RSA modulus
 * under 2048 bits, or a secret shorter than the algorithm's hash (RFC 7518 section 3.2) is refused with
 * KeyUnusableError.
 */
export function loadKey(material: KeyMaterial, allowed: readonly Algorithm[]): VerificationKey {
  const key = material.kind === "public" ? publicKey(material) : secretKey(material);
  const algorithms = algorithmsFor(key, allowed);
  if (algorithms.length === 0) {
    throw new KeyUnusableError(
      `${material.source}: ${describe(key)} serves none of the configured algorithms (${allowed.join(", ")})`,
    );
  }
  return { key, algorithms, kid: material.kid, claims: material.claims };
}

/** Those of the algorithms that a key can verify. */
export function algorithmsFor(key: KeyObject, allowed: readonly Algorithm[]): Algorithm[] {
  return allowed.filter((algorithm) => fits(key, algorithm));
}

/** Whether an RSA key is shorter than RFC 7518 section 3.3 asks for. */
export function isTooShort(key: KeyObject): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits < smallestModulusBits;
}

function publicKey({ bytes, source }: KeyMaterial): KeyObject {
  if (bytes.includes("PRIVATE KEY")) {
    throw new KeyUnusableError(
      `${source}: holds a private key; revgate needs, and should be given, only the public one (openssl pkey -in ${source} -pubout)`,
    );
  }
  let key: KeyObject;
  try {
    key = createPublicKey(bytes);
  } catch (error) {
    throw new KeyUnusableError(`${source}: expected a public key or certificate in PEM`, error);
  }
  if (isTooShort(key)) {
    const bits = key.asymmetricKeyDetails?.modulusLength;
    throw new KeyUnusableError(
      `${source}: RSA modulus of ${bits} bits, expected ${smallestModulusBits} or more`,
    );
  }
  return key;
}

function secretKey({ bytes, source }: KeyMaterial): KeyObject {
  const text = bytes.toString("latin1");
  if (text.includes("-----BEGIN")) {
    throw new KeyUnusableError(
      `${source}: a PEM file cannot be a shared secret; use publicKeyFile for it`,
    );
  }
  return createSecretKey(text.replace(/\r?\n$/, ""), "latin1");
}

function fits(key: KeyObject, algorithm: Algorithm): boolean {
  switch (algorithm) {
    case "RS256":
    case "RS384":
    case "RS512":
      return key.asymmetricKeyType === "rsa";
    case "PS256":
    case "PS384":
    case "PS512":
      return key.asymmetricKeyType === "rsa" || key.asymmetricKeyType === "rsa-pss";
    case "ES256":
    case "ES384":
    case "ES512":
      return key.asymmetricKeyDetails?.namedCurve === curveOf[algorithm];
    case "HS256":
    case "HS384":
    case "HS512":
      return key.type === "secret" && (key.symmetricKeySize ?? 0) >= secretBytesOf[algorithm];
  }
}

function describe(key: KeyObject): string {
  if (key.type === "secret") return `a secret of ${key.symmetricKeySize} bytes`;
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return `a public key of type ${key.asymmetricKeyType}${curve === undefined ? "" : ` (${curve})`}`;
}
