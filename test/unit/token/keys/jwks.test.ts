import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { parseJwks } from "../../../../src/token/keys/jwks.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const short = generateKeyPairSync("rsa", { modulusLength: 1024 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { ...rsa.publicKey.export({ format: "jwk" }), kid: "one" };

function kidsOf(...keys: unknown[]): (string | undefined)[] {
  return parseJwks(JSON.stringify({ keys }), ["RS256", "ES256", "HS256"]).map(({ kid }) => kid);
}

describe("parseJwks", () => {
  it("binds each key to the algorithms that fit it and are allowed", () => {
    const set = { keys: [jwk, { ...ec.publicKey.export({ format: "jwk" }), kid: "two" }] };
    const keys = parseJwks(JSON.stringify(set), ["RS256", "RS512", "ES256"]);
    assert.deepEqual(
      keys.map(({ kid, algorithms }) => [kid, algorithms]),
      [
        ["one", ["RS256", "RS512"]],
        ["two", ["ES256"]],
      ],
    );
  });

  it("honours use, key_ops and alg", () => {
    const variants = [
      { kid: "sig", use: "sig", key_ops: ["verify"], alg: "RS256" },
      { kid: "enc", use: "enc" },
      { kid: "sign only", key_ops: ["sign"] },
      { kid: "other algorithm", alg: "RS512" },
      { kid: "encryption algorithm", alg: "RSA-OAEP" },
    ];
    assert.deepEqual(kidsOf(...variants.map((each) => ({ ...jwk, ...each }))), ["sig"]);
  });

  it("leaves out what is symmetric, short, broken or unknown, and keeps the rest", () => {
    const others = [
      { kty: "oct", k: Buffer.alloc(32, 7).toString("base64url"), kid: "oct" },
      { ...short.publicKey.export({ format: "jwk" }), kid: "short" },
      { kty: "RSA", n: "!", e: "AQAB", kid: "broken" },
      { kty: "OKP", crv: "X25519", x: "AA", kid: "other" },
      "no object",
    ];
    assert.deepEqual(kidsOf(...others, jwk), ["one"]);
  });

  it("takes the public part of a key whose set gives away the private one", () => {
    const [key] = parseJwks(JSON.stringify({ keys: [rsa.privateKey.export({ format: "jwk" })] }), [
      "RS256",
    ]);
    assert.equal(key?.key.type, "public");
  });

  const unusable: [string, string, RegExp][] = [
    ["no JSON", "<html>", /not JSON/],
    ["no list", '{"keys":{}}', /no list/],
    ["an empty list", '{"keys":[]}', /no key for RS256/],
    ["too many keys", JSON.stringify({ keys: Array(101).fill(jwk) }), /101 keys, 100 at most/],
  ];
  for (const [what, text, message] of unusable) {
    it(`refuses a set that is ${what}`, () => {
      assert.throws(() => parseJwks(text, ["RS256"]), message);
    });
  }
});
