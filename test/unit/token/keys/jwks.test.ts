import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { parseCompactJws } from "../../../../src/token/compact-jws.ts";
import { parseJwks } from "../../../../src/token/keys/jwks.ts";
import { keysFor } from "../../../../src/token/signature.ts";
import { nextKeyPair } from "../../../helpers/key-pairs.ts";

const rsa = nextKeyPair();
const short = generateKeyPairSync("rsa", { modulusLength: 1024 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { ...rsa.publicKey.export({ format: "jwk" }), kid: "one" };

function kidsOf(...keys: unknown[]): (string | undefined)[] {
  const all = ["RS256", "ES256", "HS256", "EdDSA"] as const;
  return parseJwks(JSON.stringify({ keys }), all).keys.map(({ kid }) => kid);
}

describe("parseJwks", () => {
  it("binds each key to the algorithms that fit it and are allowed", () => {
    const set = { keys: [jwk, { ...ec.publicKey.export({ format: "jwk" }), kid: "two" }] };
    const { keys } = parseJwks(JSON.stringify(set), ["RS256", "RS512", "ES256"]);
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

  it("leaves out what is symmetric, short, dear, broken or unknown, and keeps the rest", () => {
    const dear = Buffer.alloc(8, 0xff).toString("base64url");
    const long = Buffer.alloc(1025, 0xff).toString("base64url");
    const others = [
      { ...jwk, e: dear, kid: "exponent" },
      { ...jwk, n: long, kid: "modulus" },
      { kty: "oct", k: Buffer.alloc(32, 7).toString("base64url"), kid: "oct" },
      { ...short.publicKey.export({ format: "jwk" }), kid: "short" },
      { kty: "RSA", n: "!", e: "AQAB", kid: "broken" },
      { kty: "OKP", crv: "X25519", x: "AA", kid: "other" },
      "no object",
    ];
    assert.deepEqual(kidsOf(...others, jwk), ["one"]);
  });

  it("leaves out members and ids that are longer than any key's, without making a key of them", () => {
    // OpenSSL and Node take minutes for this one, in one turn of the event loop.
    const e = Buffer.alloc(1_000_000, 0xff).toString("base64url");
    const strange = [
      { ...jwk, e },
      { ...jwk, n: e },
      { kty: "EC", crv: "P-256", x: e, y: "AA" },
      { kty: "OKP", crv: "Ed25519", x: e },
      { ...jwk, kid: "k".repeat(1025) },
      { ...jwk, kid: ["one"] },
    ];
    const text = JSON.stringify({ keys: [...strange, jwk] });
    const { keys, leftOut } = parseJwks(text, ["RS256", "ES256", "EdDSA"]);
    assert.deepEqual(
      keys.map(({ kid }) => kid),
      ["one"],
    );
    assert.deepEqual(
      leftOut.map((text) => text.replace(/^.*: (\w+) .*$/, "$1")),
      ["e", "n", "x", "x", "kid", "kid"],
    );
  });

  it("says which keys it leaves out and why, but for those that are meant for something else", () => {
    const keys = [
      { ...jwk, kid: "enc", use: "enc" },
      { kty: "oct", k: "AAAA", kid: "oct" },
      { ...short.publicKey.export({ format: "jwk" }) },
      { ...jwk, kid: "x".repeat(500), alg: "RSA-OAEP" },
      { kty: "EC", crv: "P-256", x: "!", y: "!", kid: "broken" },
      "no object",
      jwk,
    ];
    const { leftOut } = parseJwks(JSON.stringify({ keys }), ["RS256", "ES256"]);
    assert.deepEqual(leftOut, [
      'kid "oct": kty "oct" is not supported here',
      "key 3: RSA modulus of 1024 bits, expected 2048 or more",
      `kid "${"x".repeat(100)}": alg "RSA-OAEP" serves none of RS256, ES256`,
      'kid "broken": broken',
      "key 6: no object",
    ]);
  });

  it("reads keys for EdDSA, by either name of the algorithm", () => {
    const ed = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
    for (const alg of [undefined, "EdDSA", "Ed25519"]) {
      const set = JSON.stringify({ keys: [{ ...ed, kid: "ed", alg }] });
      const [key] = parseJwks(set, ["RS256", "EdDSA", "Ed25519"]).keys;
      assert.deepEqual(key?.algorithms, ["EdDSA", "Ed25519"]);
    }
    assert.deepEqual(kidsOf({ ...ed, kid: "other", alg: "ES256" }, jwk), ["one"]);
  });

  it("takes the public part of a key whose set gives away the private one", () => {
    const set = { keys: [rsa.privateKey.export({ format: "jwk" })] };
    const [key] = parseJwks(JSON.stringify(set), ["RS256"]).keys;
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

  it("keeps a signature from being tried with more than twenty keys, and says which need a kid", () => {
    const member = ec.publicKey.export({ format: "jwk" });
    const setOf = (kidAt: (index: number) => string | undefined) =>
      Array.from({ length: 30 }, (_, index) => ({ ...member, kid: kidAt(index) }));
    const triedFor = (kids: (index: number) => string | undefined, kid?: string) => {
      const { keys, leftOut } = parseJwks(JSON.stringify({ keys: setOf(kids) }), ["ES256"]);
      const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
      const jws = parseCompactJws(`${encode({ alg: "ES256", kid })}.${encode({})}.c2ln`);
      assert.ok(jws);
      assert.deepEqual(leftOut, [
        "10 keys behind the first 20: only for tokens that name them by kid",
      ]);
      return keysFor(jws, keys);
    };
    assert.equal(triedFor((index) => `k${index}`).length, 20);
    assert.equal(triedFor(() => undefined, "k").length, 20);
    assert.equal(triedFor(() => "k", "k").length, 20);
    const [named, ...others] = triedFor((index) => `k${index}`, "k29");
    assert.deepEqual([named?.kid, others.length], ["k29", 0]);
  });
});
