import { type KeyObject, sign } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";
import type { Algorithm } from "../../src/token/keys/algorithms.ts";
import { loadKeys } from "../../src/token/keys/keys.ts";
import type { VerificationKey } from "../../src/token/keys/verification-key.ts";
import type { VerifiedToken } from "../../src/token/verified-token.ts";
import { nextKeyPair } from "./key-pairs.ts";

export const threeDays = 3 * 24 * 60 * 60;

/** One key pair for all tests of a process: making it takes longer than most of them. */
export const keyPair = nextKeyPair();
export const publicPem = keyPair.publicKey.export({ type: "spki", format: "pem" }).toString();

let serial = 0;

/** A token as the examples' login makes it, with other claims where given; undefined takes one away. */
export function makeToken(
  claims: Record<string, unknown> = {},
  options: { key?: KeyObject; header?: Record<string, unknown>; algorithm?: string } = {},
): string {
  serial += 1;
  const now = Math.floor(Date.now() / 1000);
  const payload = { sub: "alice", iat: now, exp: now + threeDays, jti: `t${serial}`, ...claims };
  const present = Object.fromEntries(
    Object.entries(payload).filter(([, value]) => value !== undefined),
  );
  const key = options.key ?? keyPair.privateKey;
  const alg = options.algorithm ?? "RS256";
  const header = { alg, typ: "JWT", ...options.header };
  if (alg.startsWith("Ed")) return signEd(header, present, key);
  return jsonwebtoken.sign(JSON.stringify(present), key, {
    algorithm: alg as jsonwebtoken.Algorithm,
    header,
  });
}

/** EdDSA, which jsonwebtoken does not know. */
function signEd(header: object, payload: object, key: KeyObject): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${sign(null, Buffer.from(input), key).toString("base64url")}`;
}

/** The verification key of a PEM public key. */
export function verificationKey(
  pem: string | Buffer,
  algorithms: readonly Algorithm[] = ["RS256"],
  kid?: string,
): VerificationKey {
  const material = { kind: "public" as const, bytes: Buffer.from(pem), source: "test", kid };
  const [key] = loadKeys(material, algorithms);
  if (key === undefined) throw new Error("no key");
  return key;
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** All sixteen texts whose signature decodes to the same bytes; the token's own is one of them. */
export function spellingsOf(token: string): string[] {
  const last = base64url.indexOf(token.at(-1) ?? "");
  const start = last & ~15;
  return Array.from({ length: 16 }, (_, spare) => token.slice(0, -1) + base64url[start + spare]);
}

/** What a verifier found in a token that says nothing but when it expires. */
export const someToken = {
  id: "x".repeat(43),
  expiresAt: 10,
  notBefore: undefined,
  subject: undefined,
  issuedAt: undefined,
} satisfies VerifiedToken;
