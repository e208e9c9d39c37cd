import { createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { UsageError } from "../../errors.ts";

/** The settings of `tokens` that a key needs. */
export interface KeyFact {
  readonly algorithms: readonly string[] | undefined;
  readonly key: Readonly<Record<string, unknown>>;
}

const minSecretBytes = 32;
const curves = new Map([
  ["prime256v1", "ES256"],
  ["secp384r1", "ES384"],
  ["secp521r1", "ES512"],
]);

/** Finds out what an answer means: a key set, a PEM file, or a shared secret; UsageError if there is no such file. */
export async function readKeyFact(fact: string, directory: string): Promise<KeyFact> {
  if (/^https?:/.test(fact)) return { algorithms: undefined, key: { jwksUrl: fact } };
  const [, secret] = /^secret\s+(.+)$/.exec(fact) ?? [];
  const file = secret ?? fact;
  const bytes = await readFile(file).catch(() => {
    throw new UsageError(missing(file, secret !== undefined));
  });
  const name = relative(directory, resolve(file));
  if (secret === undefined)
    return { algorithms: algorithmsOf(bytes), key: { publicKeyFile: name } };
  const isShort = bytes.toString("latin1").trimEnd().length < minSecretBytes;
  const short = isShort ? { insecureShortSecret: true } : {};
  return { algorithms: ["HS256"], key: { secretFile: name, ...short } };
}

function missing(file: string, isSecret: boolean): string {
  if (isSecret)
    return `${file}: no such file; write the application's secret into it, as the application has it`;
  return (
    `${file || "a key"}: no such file; name the application's public key with --key, ` +
    "or make it of a private one: openssl pkey -in private.pem -pubout -out public.pem; " +
    'a shared secret is --key "secret FILE"'
  );
}

/** Undefined for RSA keys, whose RS256 is the default; what can't be read, loading the configuration will name. */
function algorithmsOf(pem: Buffer): string[] | undefined {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    return undefined;
  }
  if (key.asymmetricKeyType === "ed25519" || key.asymmetricKeyType === "ed448") return ["EdDSA"];
  const curve = curves.get(key.asymmetricKeyDetails?.namedCurve ?? "");
  return curve === undefined ? undefined : [curve];
}
