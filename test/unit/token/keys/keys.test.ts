import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { type Algorithm, type KeyMaterial, loadKey } from "../../../../src/token/keys/keys.ts";
import { keyPair, publicPem } from "../../../helpers/tokens.ts";

function material(kind: KeyMaterial["kind"], bytes: string | Buffer): KeyMaterial {
  return { kind, bytes: Buffer.from(bytes), source: "key.pem", kid: undefined };
}

const pem = (key: { export(options: { type: "spki"; format: "pem" }): string | Buffer }) =>
  key.export({ type: "spki", format: "pem" });

describe("loadKey", () => {
  it("binds a key to the algorithms of its family", () => {
    const all: Algorithm[] = ["RS256", "PS256", "ES256", "HS256"];
    assert.deepEqual(loadKey(material("public", publicPem), all).algorithms, ["RS256", "PS256"]);
    const curve = generateKeyPairSync("ec", { namedCurve: "P-256" });
    assert.deepEqual(loadKey(material("public", pem(curve.publicKey)), all).algorithms, ["ES256"]);
    const secret = material("secret", "s".repeat(32));
    assert.deepEqual(loadKey(secret, all).algorithms, ["HS256"]);
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
    ["a secret shorter than the hash", material("secret", "short"), ["HS256"], /serves none/],
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
      assert.throws(() => loadKey(key, algorithms), { code: "key_unusable", message });
    });
  }
});
