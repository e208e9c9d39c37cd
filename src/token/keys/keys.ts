import type { KeyObject } from "node:crypto";
import { KeyUnusableError } from "../../errors.ts";
import type { ClaimNames } from "../claims.ts";
import { type Algorithm, algorithmsFor, describeKey, minSecretBytes } from "./algorithms.ts";
import { parseJwks } from "./jwks.ts";
import { readPublicKeys } from "./pem.ts";
import { readSharedSecret } from "./shared-secret.ts";
import type { VerificationKey } from "./verification-key.ts";

/** Key material as the configuration names it; `source` is the file, for messages. */
export interface KeyMaterial {
  readonly kind: "public" | "secret" | "set";
  readonly bytes: Buffer;
  readonly source: string;
  readonly kid: string | undefined;
  readonly claims?: ClaimNames | undefined;
  /** A secret may be shorter than the algorithm's hash. */
  readonly insecureShortSecret?: boolean | undefined;
}

/**
 * Makes the keys of a file: PEM public keys and certificates, a shared secret, or a JWK Set.
 *
 * Each is bound to those of the `allowed` algorithms that fit its family, so that a public key can never be
 * tried as an HMAC secret (RFC 8725 section 3.1). One that fits none of them, an RSA modulus under 2048 bits,
 * or a secret shorter than the algorithm's hash (RFC 7518 section 3.2) is refused with KeyUnusableError.
 */
export function loadKeys(material: KeyMaterial, allowed: readonly Algorithm[]): VerificationKey[] {
  const { kind, bytes, source, kid, claims } = material;
  if (kind === "set") {
    const { keys } = parseJwks(bytes.toString("utf8"), allowed);
    return keys.map((key) => ({ ...key, claims }));
  }
  const keys =
    kind === "public" ? readPublicKeys(bytes, source) : [readSharedSecret(bytes, source)];
  if (kid !== undefined && keys.length > 1) {
    throw new KeyUnusableError(
      `${source}: holds ${keys.length} keys; kid names one: use a file for each`,
    );
  }
  const anySecretSize = material.insecureShortSecret === true;
  return keys.map((key) => {
    const algorithms = algorithmsFor(key, allowed, { anySecretSize });
    if (algorithms.length === 0) throw unfit(key, source, allowed);
    return { key, algorithms, kid, claims };
  });
}

function unfit(key: KeyObject, source: string, allowed: readonly Algorithm[]): KeyUnusableError {
  const minBytes = minSecretBytes(allowed);
  if (key.type === "secret" && minBytes !== undefined) {
    return new KeyUnusableError(
      `${source}: ${describeKey(key)}, expected ${minBytes} or more; make a longer one, or set insecureShortSecret: true next to secretFile`,
    );
  }
  return new KeyUnusableError(
    `${source}: ${describeKey(key)} serves none of the configured algorithms (${allowed.join(", ")})`,
  );
}
