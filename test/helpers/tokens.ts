import { generateKeyPairSync, type KeyObject } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";

export const threeDays = 3 * 24 * 60 * 60;

/** One key pair for all tests of a process: making it takes longer than most of them. */
export const keyPair = generateKeyPairSync("rsa", { modulusLength: 2048 });
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
  return jsonwebtoken.sign(JSON.stringify(present), options.key ?? keyPair.privateKey, {
    algorithm: (options.algorithm ?? "RS256") as jsonwebtoken.Algorithm,
    header: { alg: options.algorithm ?? "RS256", typ: "JWT", ...options.header },
  });
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** All sixteen texts whose signature decodes to the same bytes; the token's own is one of them. */
export function spellingsOf(token: string): string[] {
  const last = base64url.indexOf(token.at(-1) ?? "");
  const start = last & ~15;
  return Array.from({ length: 16 }, (_, spare) => token.slice(0, -1) + base64url[start + spare]);
}
