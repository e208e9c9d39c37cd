import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import type { Algorithm } from "../../../../src/token/keys/algorithms.ts";
import { type KeyMaterial, loadKeys } from "../../../../src/token/keys/keys.ts";
import { keyPair, publicPem } from "../../../helpers/tokens.ts";

function material(kind: KeyMaterial["kind"], bytes: string | Buffer): KeyMaterial {
  return { kind, bytes: Buffer.from(bytes), source: "key.pem", kid: undefined };
}

const pem = (key: { export(options: { type: "spki"; format: "pem" }): string | Buffer }) =>
  key.export({ type: "spki", format: "pem" });

function algorithmsOf(key: KeyMaterial, allowed: Algorithm[]): readonly Algorithm[] {
  return loadKeys(key, allowed).flatMap(({ algorithms }) => algorithms);
}

describe("loadKeys", () => {
  it("binds a key to the algorithms of its family", () => {
    const all: Algorithm[] = ["RS256", "PS256", "ES256", "HS256"];
    assert.deepEqual(algorithmsOf(material("public", publicPem), all), ["RS256", "PS256"]);
    const curve = generateKeyPairSync("ec", { namedCurve: "P-256" });
    assert.deepEqual(algorithmsOf(material("public", pem(curve.publicKey)), all), ["ES256"]);
    const secret = material("secret", "s".repeat(32));
    assert.deepEqual(algorithmsOf(secret, all), ["HS256"]);
  });

  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const otherCurve = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const refused: [string, KeyMaterial, Algorithm[], RegExp][] = [
    [
      "a public key as a shared secret",
      material("secret", publicPem),
      ["HS256"],
      /cannot be a shared secret/,
    ],
    [
      "a private key",
      material("public", keyPair.privateKey.export({ type: "pkcs8", format: "pem" })),
      ["RS256"],
      /private key/,
    ],
    [
      "an RSA modulus under 2048 bits",
      material("public", pem(weak.publicKey)),
      ["RS256"],
      /1024 bits/,
    ],
    [
      "a curve of another algorithm",
      material("public", pem(otherCurve.publicKey)),
      ["ES256"],
      /serves none/,
    ],
    [
      "a secret shorter than the hash",
      material("secret", "short"),
      ["RS256", "HS256"],
      /key\.pem: a secret of 5 bytes, expected 32 or more; .*insecureShortSecret/,
    ],
    ["an empty secret", material("secret", "\n"), ["HS256"], /is empty/],
    [
      "several keys under one id",
      { ...material("public", `${publicPem}${publicPem}`), kid: "a" },
      ["RS256"],
      /holds 2 keys; kid names one/,
    ],
    [
      "a public key where only HS256 is allowed",
      material("public", publicPem),
      ["HS256"],
      /serves none/,
    ],
    ["what is no key", material("public", "hello"), ["RS256"], /expected a public key/],
  ];
  for (const [what, key, algorithms, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => loadKeys(key, algorithms), { code: "key_unusable", message });
    });
  }

  it("takes all public keys of a file", () => {
    const curve = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const text = `first\n${publicPem}\nsecond\n${pem(curve.publicKey)}`;
    assert.deepEqual(algorithmsOf(material("public", text), ["RS256", "ES256"]), [
      "RS256",
      "ES256",
    ]);
  });

  it("takes a binary secret as it is, and a text without its final line break", () => {
    const size = (bytes: Buffer) =>
      loadKeys(material("secret", bytes), ["HS256"])[0]?.key.symmetricKeySize;
    const text = "s".repeat(40);
    assert.equal(size(Buffer.from(text)), 40);
    assert.equal(size(Buffer.from(`${text}\n`)), 40);
    assert.equal(size(Buffer.from(`${text}\r\n`)), 40);
    assert.equal(size(Buffer.from(`密${text}\n`)), 43);
    const binary = Buffer.concat([Buffer.from([0, 255]), Buffer.from(`${text}\n`)]);
    assert.equal(size(binary), 43);
    assert.equal(size(Buffer.concat([Buffer.from([7]), Buffer.from(`${text}\n`)])), 42);
  });

  it("takes a short secret if it is told to", () => {
    const key = { ...material("secret", "s".repeat(24)), insecureShortSecret: true };
    assert.deepEqual(algorithmsOf(key, ["RS256", "HS256"]), ["HS256"]);
  });

  it("takes the keys of a set", () => {
    const jwk = { ...keyPair.publicKey.export({ format: "jwk" }), kid: "a" };
    const [key] = loadKeys(material("set", JSON.stringify({ keys: [jwk] })), ["RS256"]);
    assert.equal(key?.kid, "a");
  });
});
