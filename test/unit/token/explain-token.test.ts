import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explainToken, whyInvalid } from "../../../src/token/explain-token.ts";
import { fixedKeys } from "../../../src/token/keys/key-ring.ts";
import { createVerifier, type VerifierOptions } from "../../../src/token/verifier.ts";
import { fc } from "../../helpers/fast-check.ts";
import { nextKeyPair } from "../../helpers/key-pairs.ts";
import { makeToken, publicPem, verificationKey } from "../../helpers/tokens.ts";

const now = Math.floor(Date.now() / 1000);
const other = nextKeyPair();
const pemOf = (key: typeof other.publicKey) => key.export({ type: "spki", format: "pem" });
const keyOf = (pem: string | Buffer, kid?: string) => verificationKey(pem, ["RS256"], kid);

const options: VerifierOptions = {
  keys: [keyOf(publicPem)],
  issuer: "https://id",
  audience: "shop",
  requireIssuedAt: true,
  clockToleranceSeconds: 5,
  maxLifetimeSeconds: 30 * 24 * 3600,
  tokenBytes: 2000,
  cacheEntries: 10,
  clock: { nowSeconds: () => now },
};
const iss = "https://id";
const aud = "shop";
const token = (claims: Record<string, unknown> = {}, more: Parameters<typeof makeToken>[1] = {}) =>
  makeToken({ iss, aud, ...claims }, more);

/** The name of the check that fails, and what it says. */
async function failure(credential: string, changes: Partial<VerifierOptions> = {}) {
  const { checks } = await explainToken(credential, { ...options, ...changes });
  const failed = checks.filter(({ verdict }) => verdict === "failed");
  assert.ok(failed.length < 2);
  return failed[0] === undefined ? undefined : `${failed[0].check}: ${failed[0].detail}`;
}

const cases: readonly [what: string, make: () => string, failure: RegExp | undefined][] = [
  ["a good one", () => token(), undefined],
  [
    "one that is too long",
    () => token({ padding: "x".repeat(2000) }),
    /^size: \d+ bytes, too many/,
  ],
  ["nonsense", () => "nonsense", /^form: not three parts/],
  ["nothing", () => "", /^form: /],
  ["another issuer's", () => token({ iss: "https://else" }), /^issuer: iss is "https:\/\/else"/],
  ["an event", () => token({ events: {} }), /^purpose: it has an events claim/],
  ["one without exp", () => token({ exp: undefined }), /^exp: it does not say/],
  ["one whose exp is text", () => token({ exp: "tomorrow" }), /^exp: /],
  ["one whose nbf is text", () => token({ nbf: "now" }), /^nbf: /],
  ["one without iat", () => token({ iat: undefined }), /^iat: it does not say when/],
  ["one for years", () => token({ exp: now + 4e7 }), /^lifetime: it lives for \d+ seconds/],
  ["another algorithm's", () => token({}, { algorithm: "RS512" }), /^key: alg "RS512".*none of/],
  ["another key's", () => token({}, { key: other.privateKey }), /^signature: not made by any/],
  ["another audience's", () => token({ aud: "bank" }), /^audience: aud is "bank", expected "shop"/],
  [
    "an expired one",
    () => token({ iat: now - 100, exp: now - 10 }),
    /^expiry: it has expired at 20/,
  ],
  ["one for later", () => token({ nbf: now + 100 }), /^not before: not valid before 20/],
  ["one that has expired by another clock", () => token({ exp: now - 4 }), undefined],
  ["one that has expired by any clock", () => token({ exp: now - 5 }), /^expiry: /],
  ["one for later by another clock", () => token({ nbf: now + 5 }), undefined],
  ["one for later by any clock", () => token({ nbf: now + 6 }), /^not before: /],
];

describe("an explanation", () => {
  for (const [what, make, expected] of cases) {
    it(`of ${what} names the check that fails, and agrees with the verifier`, async () => {
      const credential = make();
      const said = await failure(credential);
      if (expected === undefined) assert.equal(said, undefined);
      else assert.match(said ?? "nothing failed", expected);
      const { kind } = createVerifier(options).verify(credential);
      assert.equal(said === undefined, kind === "valid");
    });
  }

  it("says whose a token is only where it was signed for us, in time or not", async () => {
    const known = async (credential: string) =>
      (await explainToken(credential, options)).token !== undefined;
    assert.equal(await known(token()), true);
    assert.equal(await known(token({ exp: now - 10 })), true);
    assert.equal(await known(token({}, { key: other.privateKey })), false);
    assert.equal(await known(token({ aud: "bank" })), false);
    assert.equal(await known(token({ exp: undefined })), false);
  });

  it("agrees with the verifier whatever is changed in a token", async () => {
    const good = token();
    const verifier = createVerifier(options);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(..."AQ.=_ é"), async (at, by) => {
        const changed = good.slice(0, at) + by + good.slice(at + 1);
        const valid = verifier.verify(changed).kind === "valid";
        assert.equal((await failure(changed)) === undefined, valid);
      }),
    );
  });

  it("has every check once, those behind a failure skipped, and the token taken apart", async () => {
    const all = (await explainToken(token(), options)).checks.map(({ check }) => check);
    assert.equal(new Set(all).size, all.length);
    const { checks, header, payload } = await explainToken(token({ aud: "bank" }), options);
    assert.deepEqual(
      checks.map(({ check }) => check),
      all,
    );
    const at = checks.findIndex(({ verdict }) => verdict === "failed");
    assert.ok(checks.slice(at + 1).every(({ verdict }) => verdict === "skipped"));
    assert.equal(header?.["alg"], "RS256");
    assert.equal(payload?.["sub"], "alice");
  });

  it("tries every issuer that it may be from", async () => {
    const keys = fixedKeys([keyOf(pemOf(other.publicKey))]);
    const issuers = [{ issuer: "https://second", audience: undefined, keys }];
    const second = token({ iss: "https://second" }, { key: other.privateKey });
    assert.equal(await failure(second, { issuers }), undefined);
    assert.equal(await failure(second, { issuers, issuer: undefined }), undefined);
  });

  it("says from when a token is valid", async () => {
    const from = async (nbf?: number) =>
      (await explainToken(token({ nbf }), options)).checks.find(
        ({ check }) => check === "not before",
      )?.detail;
    assert.equal(await from(), "at once");
    assert.match((await from(now)) ?? "", /^from 20/);
  });

  it("waits for a key that has to be fetched", async () => {
    const ring = {
      keys: [] as ReturnType<typeof keyOf>[],
      mayGet: () => true,
      trouble: "the keys cannot be fetched",
      onChange() {},
      lookFor: () => undefined,
      async seek() {},
    };
    assert.match(
      String(await failure(token(), { keys: ring })),
      /^key: the keys cannot be fetched/,
    );
    ring.seek = async () => void ring.keys.push(keyOf(publicPem));
    assert.equal(await failure(token(), { keys: ring }), undefined);
  });
});

describe("why a token is invalid", () => {
  const second = (changes: object = {}) => ({
    ...{ issuer: "https://id", audience: "shop", keys: fixedKeys([keyOf(pemOf(other.publicKey))]) },
    ...changes,
  });
  const why = (credential: string, ...issuers: ReturnType<typeof second>[]) =>
    whyInvalid(credential, { ...options, issuers });

  it("is the check that failed at the first of its issuers, and nothing if one takes it", () => {
    assert.equal(why(token()), undefined);
    assert.match(why("nonsense") ?? "", /^form: /);
    assert.match(why(token({ aud: "bank" }), second()) ?? "", /^audience: /);
    const ofOther = token({}, { key: other.privateKey });
    assert.equal(why(ofOther, second()), undefined);
    assert.match(why(ofOther, second({ audience: "bank" })) ?? "", /^signature: /);
  });
});
