import { isUtf8 } from "node:buffer";
import { createSecretKey, type KeyObject } from "node:crypto";
import { KeyUnusableError } from "../../errors.ts";

/**
 * A shared secret (RFC 7518 section 3.2) as its file holds it.
 *
 * A final line break is left out if the file is text: an editor put it there. A binary secret is taken as it
 * is, whatever its last byte. Throws KeyUnusableError if it is a PEM file, or empty.
 */
export function readSharedSecret(bytes: Buffer, source: string): KeyObject {
  if (bytes.includes("-----BEGIN")) {
    throw new KeyUnusableError(
      `${source}: a PEM file cannot be a shared secret; use publicKeyFile for it`,
    );
  }
  const secret = isText(bytes) ? withoutLineBreak(bytes) : bytes;
  if (secret.length === 0) throw new KeyUnusableError(`${source}: is empty`);
  return createSecretKey(secret);
}

/** UTF-8 without control characters, but for white space. */
function isText(bytes: Buffer): boolean {
  return isUtf8(bytes) && bytes.every((byte) => (byte >= 0x20 && byte !== 0x7f) || isSpace(byte));
}

function isSpace(byte: number): boolean {
  return byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function withoutLineBreak(bytes: Buffer): Buffer {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) {
    end -= 1;
    if (bytes[end - 1] === 0x0d) end -= 1;
  }
  return bytes.subarray(0, end);
}
