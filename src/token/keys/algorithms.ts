import type { KeyObject } from "node:crypto";

/**
 * The signature algorithms that revgate can be configured for: those of RFC 7518 section 3.1, EdDSA
 * (RFC 8037 section 3.1), and Ed25519, which is EdDSA by the name that RFC 9864 gives it.
 */
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
  "EdDSA",
  "Ed25519",
  "HS256",
  "HS384",
  "HS512",
] as const;

/** One of the algorithms. */
export type Algorithm = (typeof supportedAlgorithms)[number];

const curveOf = { ES256: "prime256v1", ES384: "secp384r1", ES512: "secp521r1" } as const;
const hashOf = { PS256: "sha256", PS384: "sha384", PS512: "sha512" } as const;
const secretBytesOf = { HS256: 32, HS384: 48, HS512: 64 } as const;

/** Min size of an RSA modulus, in bits (RFC 7518 section 3.3). */
const minModulusBits = 2048;
/** Beyond these a check takes milliseconds, and a token without `kid` is checked with every key of a set. */
const [maxModulusBits, maxExponent] = [8192, 2n ** 32n];

/** Why an RSA key is not used: it is shorter than RFC 7518 section 3.3 asks for, or dear on purpose. */
export function whyUnfit(key: KeyObject): string | undefined {
  const { modulusLength: bits, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (bits === undefined) return undefined;
  const modulus = `RSA modulus of ${bits} bits`;
  if (bits < minModulusBits) return `${modulus}, expected ${minModulusBits} or more`;
  if (bits > maxModulusBits) return `${modulus}, expected ${maxModulusBits} at most`;
  return publicExponent > maxExponent ? "RSA exponent of more than 32 bits" : undefined;
}

/** Min size of a shared secret, in bytes (RFC 7518 section 3.2), for the weakest of the algorithms; undefined if none uses one. */
export function minSecretBytes(allowed: readonly Algorithm[]): number | undefined {
  const sizes = allowed.flatMap((algorithm) =>
    algorithm in secretBytesOf ? [secretBytesOf[algorithm as keyof typeof secretBytesOf]] : [],
  );
  return sizes.length === 0 ? undefined : Math.min(...sizes);
}

/**
 * Those of the algorithms that a key can verify.
 *
 * With `anySecretSize`, a shared secret that is shorter than the algorithm's hash counts too.
 */
export function algorithmsFor(
  key: KeyObject,
  allowed: readonly Algorithm[],
  { anySecretSize = false } = {},
): Algorithm[] {
  return allowed.filter((algorithm) => fits(key, algorithm, anySecretSize));
}

function fits(key: KeyObject, algorithm: Algorithm, anySecretSize: boolean): boolean {
  switch (algorithm) {
    case "RS256":
    case "RS384":
    case "RS512":
      return key.asymmetricKeyType === "rsa";
    case "PS256":
    case "PS384":
    case "PS512":
      return key.asymmetricKeyType === "rsa" || isForPss(key, hashOf[algorithm]);
    case "ES256":
    case "ES384":
    case "ES512":
      return key.asymmetricKeyDetails?.namedCurve === curveOf[algorithm];
    case "EdDSA":
      return key.asymmetricKeyType === "ed25519" || key.asymmetricKeyType === "ed448";
    case "Ed25519":
      return key.asymmetricKeyType === "ed25519";
    case "HS256":
    case "HS384":
    case "HS512":
      return (
        key.type === "secret" &&
        (anySecretSize || (key.symmetricKeySize ?? 0) >= secretBytesOf[algorithm])
      );
  }
}

/** A key of type RSASSA-PSS may be bound to a hash; one that is not serves all. */
function isForPss(key: KeyObject, hash: string): boolean {
  if (key.asymmetricKeyType !== "rsa-pss") return false;
  const { hashAlgorithm = hash, mgf1HashAlgorithm = hash } = key.asymmetricKeyDetails ?? {};
  return hashAlgorithm === hash && mgf1HashAlgorithm === hash;
}

/** What a key is, for messages; nothing of the key itself. */
export function describeKey(key: KeyObject): string {
  if (key.type === "secret") return `a secret of ${key.symmetricKeySize} bytes`;
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return `a public key of type ${key.asymmetricKeyType}${curve === undefined ? "" : ` (${curve})`}`;
}
