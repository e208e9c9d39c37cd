import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { KeyUnusableError } from "../../errors.ts";
import { whyUnfit } from "./algorithms.ts";

const blocks = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;
/** Other blocks, such as parameters of a curve, hold no key. */
const keyBlocks = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "TRUSTED CERTIFICATE"];

/**
 * The public keys of a PEM file: all of its public keys, and those of its certificates.
 *
 * A certificate authority that stands behind a certificate, as in a chain, signs certificates and no
 * tokens: it is left out. Throws KeyUnusableError, with `source` in its message, if the file holds a private
 * key or no public one, or one that is broken or too short.
 */
export function readPublicKeys(bytes: Buffer, source: string): KeyObject[] {
  const text = bytes.toString("latin1");
  if (text.includes("PRIVATE KEY")) {
    throw new KeyUnusableError(
      `${source}: holds a private key; revgate needs only the public one and should not have the other (openssl pkey -in ${source} -pubout)`,
    );
  }
  const found = [...text.matchAll(blocks)].filter(([, label = ""]) => keyBlocks.includes(label));
  if (found.length === 0) throw noKey(source);
  const used = found.filter(
    ([block, label = ""]) => found.length === 1 || !isAuthority(block, label),
  );
  // A chain of authorities alone: the first is what it is about.
  const [first] = found;
  return (used.length > 0 || first === undefined ? used : [first]).map(([block]) =>
    readPublicKey(block, source),
  );
}

function isAuthority(block: string, label: string): boolean {
  if (!label.endsWith("CERTIFICATE")) return false;
  try {
    return new X509Certificate(block).ca;
  } catch {
    // Reading its key says what is wrong with it.
    return false;
  }
}

function readPublicKey(block: string, source: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(block);
  } catch (error) {
    throw noKey(source, error);
  }
  const unfit = whyUnfit(key);
  if (unfit !== undefined) throw new KeyUnusableError(`${source}: ${unfit}`);
  return key;
}

function noKey(source: string, cause?: unknown): KeyUnusableError {
  return new KeyUnusableError(`${source}: expected a public key or certificate in PEM`, cause);
}
