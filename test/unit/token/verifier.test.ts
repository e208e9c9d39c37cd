import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { fixedKeys, type KeyRing } from "../../../src/token/keys/key-ring.ts";
import { loadKeys } from "../../../src/token/keys/keys.ts";
import { createVerifier, type VerifierOptions, verifyInFull } from "../../../src/token/verifier.ts";
import { nextKeyPair } from "../../helpers/key-pairs.ts";
import { makeToken, publicPem, threeDays, verificationKey } from "../../helpers/tokens.ts";

function verifierWith(changes: Partial<VerifierOptions> = {}) {
  return createVerifier({
    keys: [verificationKey(publicPem)],
    issuer: undefined,
    audience: undefined,
    clockToleranceSeconds: 0,
    maxLifetimeSeconds: 30 * 24 * 3600,
    tokenBytes: 8192,
    cacheEntries: 10,
    // It stands still: other files of the process may take long before these tests run.
    clock: { nowSeconds: () => now },
    ...changes,
  });
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = Math.floor(Date.now() / 1000);

describe("verifier", () => {
  it("accepts a token of the configured key and tells its facts", () => {
    const verification = verifierWith().verify(makeToken({ exp: now + 60 }));
    assert.equal(verification.kind, "valid");
    assert.equal(verification.kind === "valid" && verification.token.expiresAt, now + 60);
  });

  it("refuses a changed payload, also behind a good one in the cache", () => {
    const verifier = verifierWith();
    const token = makeToken();
    const [header, , signature] = token.split(".");
    assert.equal(verifier.verify(token).kind, "valid");
    const forged = `${header}.${encode({ sub: "root", exp: now + 60 })}.${signature}`;
    assert.equal(verifier.verify(forged).kind, "invalid");
  });

  it("asks its budget for tokens that are new and signed, and charges it for their signatures alone", () => {
    const verifier = verifierWith();
    let asked = 0;
    let charges = 0;
    let isFree = false;
    const budget = {
      mayCheck() {
        asked += 1;
        return isFree;
      },
      spend(ms: number) {
        assert.ok(ms > 0);
        charges += 1;
      },
    };
    const token = makeToken();
    const forged = `${token.slice(0, -8)}AAAAAAAA`;
    for (const each of ["nonsense", "a.b.c", makeToken({ exp: "soon" })]) {
      assert.equal(verifier.verify(each, { budget }).kind, "invalid", each);
    }
    assert.deepEqual([asked, charges], [0, 0]);
    for (const each of [token, forged]) {
      assert.equal(verifier.verify(each, { budget }).kind, "unchecked");
    }
    assert.deepEqual([asked, charges], [2, 0]);
    isFree = true;
    assert.equal(verifier.verify(token, { budget }).kind, "valid");
    assert.equal(verifier.verify(forged, { budget }).kind, "invalid");
    assert.deepEqual([asked, charges], [4, 2]);
    isFree = false;
    assert.equal(verifier.verify(token, { budget }).kind, "valid");
    assert.equal(verifier.verify(forged, { budget }).kind, "invalid");
    assert.deepEqual([asked, charges], [4, 2]);
  });

  it("charges its budget for reading a long one, whatever it is", () => {
    const verifier = verifierWith();
    let charges = 0;
    let isFree = false;
    const budget = {
      mayCheck: () => isFree,
      spend() {
        charges += 1;
      },
    };
    const long = `${makeToken().split(".")[0]}.${"x".repeat(3000)}.${"y".repeat(342)}`;
    assert.equal(verifier.verify(long, { budget }).kind, "unchecked");
    isFree = true;
    assert.equal(verifier.verify(long, { budget }).kind, "invalid");
    assert.equal(charges, 1);
    // A signature that is checked as well is charged with it.
    assert.equal(verifier.verify(makeToken({ pad: "x".repeat(3000) }), { budget }).kind, "valid");
    assert.equal(charges, 2);
  });

  it("asks the time on every call, for a remembered credential too", () => {
    let seconds = now;
    const verifier = verifierWith({
      clock: { nowSeconds: () => seconds },
      clockToleranceSeconds: 5,
    });
    const token = makeToken({ exp: now + 10 });
    assert.equal(verifier.verify(token).kind, "valid");
    seconds = now + 14.9;
    assert.equal(verifier.verify(token).kind, "valid");
    seconds = now + 15;
    assert.equal(verifier.verify(token).kind, "expired");
  });

  it("tells an expired token from a forged expired one", () => {
    const other = nextKeyPair();
    const verifier = verifierWith();
    assert.equal(verifier.verify(makeToken({ exp: now - 10, iat: now - 20 })).kind, "expired");
    const forged = makeToken({ exp: now - 10, iat: now - 20 }, { key: other.privateKey });
    assert.equal(verifier.verify(forged).kind, "invalid");
  });

  it("remembers verified credentials only, by their whole text", () => {
    const hits: boolean[] = [];
    const verifier = verifierWith({ onCacheLookup: (hit) => void hits.push(hit) });
    const token = makeToken();
    verifier.verify(token);
    verifier.verify(token);
    verifier.verify(`${token}A`);
    verifier.verify(`${token}A`);
    assert.deepEqual(hits, [false, true, false, false]);
  });

  it("forgets what it was told by keys that are not there any more: right ones and forged ones", () => {
    const other = nextKeyPair();
    const pem = other.publicKey.export({ type: "spki", format: "pem" });
    const listeners: (() => void)[] = [];
    let keys = [verificationKey(publicPem)];
    const ring: KeyRing = {
      ...fixedKeys([]),
      get keys() {
        return keys;
      },
      onChange: (listener) => void listeners.push(listener),
    };
    const verifier = verifierWith({ keys: ring });
    const [former, later] = [makeToken(), makeToken({}, { key: other.privateKey })];
    const kinds = () => [former, later].map((each) => verifier.verify(each).kind);
    assert.deepEqual(kinds(), ["valid", "invalid"]);
    keys = [verificationKey(pem)];
    for (const listener of listeners) listener();
    assert.deepEqual(kinds(), ["invalid", "valid"]);
  });

  it("checks one signature a token, right or forged", () => {
    let checks = 0;
    const verifier = verifierWith({
      onSignatureCheck: () => {
        checks += 1;
      },
    });
    const token = makeToken();
    const forged = `${makeToken().split(".").slice(0, 2).join(".")}.${token.split(".")[2]}`;
    for (let i = 0; i < 3; i += 1) {
      assert.equal(verifier.verify(token).kind, "valid");
      assert.equal(verifier.verify(forged).kind, "invalid");
      assert.equal(verifier.verify(`${token}=`).kind, "invalid");
    }
    assert.equal(checks, 2);
  });

  it("makes nothing of the claims of a token before its signature is known to be right", () => {
    let read = 0;
    class Watched extends Map<string, string> {
      override [Symbol.iterator]() {
        read += 1;
        return super[Symbol.iterator]();
      }
    }
    const verifier = verifierWith({ forwardClaims: new Watched([["sub", "x-user"]]) });
    const token = makeToken();
    const forged = `${makeToken().split(".").slice(0, 2).join(".")}.${token.split(".")[2]}`;
    assert.equal(verifier.verify(forged).kind, "invalid");
    assert.equal(read, 0);
    assert.equal(verifier.verify(token).kind, "valid");
    assert.equal(read, 1);
  });

  it("refuses a token whose claims are nested too deep, however it is signed", () => {
    const nested = (deep: number) => JSON.parse("[".repeat(deep) + "]".repeat(deep)) as unknown;
    const verifier = verifierWith({ tokenBytes: 65_536 });
    assert.equal(verifier.verify(makeToken({ roles: nested(63) })).kind, "valid");
    assert.equal(verifier.verify(makeToken({ roles: nested(64) })).kind, "invalid");
  });

  it("does not hold against a token what passes with time", () => {
    let seconds = now;
    const verifier = verifierWith({
      clock: { nowSeconds: () => seconds },
      maxLifetimeSeconds: 100,
      clockToleranceSeconds: 0,
    });
    const token = makeToken({ iat: undefined, exp: now + 150 });
    assert.equal(verifier.verify(token).kind, "invalid");
    seconds = now + 50;
    assert.equal(verifier.verify(token).kind, "valid");
  });

  it("lets kid choose among configured keys and nothing else", () => {
    const other = nextKeyPair();
    const otherPem = other.publicKey.export({ type: "spki", format: "pem" }).toString();
    const verifier = verifierWith({
      keys: [verificationKey(publicPem, ["RS256"], "a"), verificationKey(otherPem, ["RS256"], "b")],
    });
    assert.equal(verifier.verify(makeToken({}, { header: { kid: "a" } })).kind, "valid");
    const byB = makeToken({}, { header: { kid: "b" }, key: other.privateKey });
    assert.equal(verifier.verify(byB).kind, "valid");
    assert.equal(verifier.verify(makeToken({}, { header: { kid: "b" } })).kind, "invalid");
    assert.equal(
      verifier.verify(makeToken({}, { header: { kid: "../../etc/passwd" } })).kind,
      "invalid",
    );
  });

  it("checks issuer and audience where they are configured", () => {
    const verifier = verifierWith({ issuer: "https://id", audience: "shop" });
    assert.equal(
      verifier.verify(makeToken({ iss: "https://id", aud: ["shop", "x"] })).kind,
      "valid",
    );
    assert.equal(verifier.verify(makeToken({ iss: "https://id", aud: "other" })).kind, "invalid");
    assert.equal(verifier.verify(makeToken({ iss: "https://evil", aud: "shop" })).kind, "invalid");
    assert.equal(verifier.verify(makeToken()).kind, "invalid");
  });

  it("takes a token for any of several audiences", () => {
    const verifier = verifierWith({ audience: ["shop", "admin"] });
    for (const aud of ["shop", "admin", ["x", "admin"]]) {
      assert.equal(verifier.verify(makeToken({ aud })).kind, "valid");
    }
    for (const aud of ["other", [], ["sho", ["shop"]], undefined, { shop: "shop" }]) {
      assert.equal(verifier.verify(makeToken({ aud })).kind, "invalid");
    }
  });

  for (const type of ["ed25519", "ed448"] as const) {
    it(`serves EdDSA with a key of ${type}, and no other algorithm with it`, () => {
      const pair = generateKeyPairSync(type as "ed25519");
      const pem = pair.publicKey.export({ type: "spki", format: "pem" });
      const key = verificationKey(pem, ["RS256", "ES256", "EdDSA", "HS256"]);
      assert.deepEqual(key.algorithms, ["EdDSA"]);
      const verifier = verifierWith({ keys: [key], issuer: "https://id", audience: "shop" });
      const claims = { iss: "https://id", aud: "shop" };
      const signed = { key: pair.privateKey, algorithm: "EdDSA" };
      assert.equal(verifier.verify(makeToken(claims, signed)).kind, "valid");
      assert.equal(verifier.verify(makeToken({ ...claims, aud: "x" }, signed)).kind, "invalid");
      assert.equal(verifier.verify(makeToken({ ...claims, exp: 1 }, signed)).kind, "expired");
      const forged = makeToken(claims, {
        ...signed,
        key: generateKeyPairSync("ed25519").privateKey,
      });
      assert.equal(verifier.verify(forged).kind, "invalid");
      // The key's text is public: it makes no HMAC.
      const input = makeToken(claims, { ...signed, header: { alg: "HS256" } }).replace(
        /[^.]*$/,
        "",
      );
      const mac = createHmac("sha256", pem).update(input.slice(0, -1)).digest("base64url");
      assert.equal(verifier.verify(input + mac).kind, "invalid");
      for (const alg of ["none", "ES256", "Ed25519", "eddsa"]) {
        const other = makeToken(claims, { ...signed, header: { alg } });
        assert.equal(verifier.verify(other).kind, "invalid", alg);
      }
    });
  }

  it("serves RSASSA-PSS and the family of ES256", () => {
    const pss = generateKeyPairSync("rsa-pss", {
      ...{ modulusLength: 2048, hashAlgorithm: "sha384", mgf1HashAlgorithm: "sha384" },
    });
    const curves = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };
    const pairs = [
      ["PS256", nextKeyPair()] as const,
      ["PS384", pss] as const,
      ...Object.entries(curves).map(
        ([algorithm, namedCurve]) =>
          [algorithm, generateKeyPairSync("ec", { namedCurve })] as const,
      ),
    ];
    for (const [algorithm, { publicKey, privateKey }] of pairs) {
      const pem = publicKey.export({ type: "spki", format: "pem" });
      const all = ["PS256", "PS384", "ES256", "ES384", "ES512"] as const;
      const verifier = verifierWith({ keys: [verificationKey(pem, all)] });
      const token = makeToken({}, { algorithm, key: privateKey });
      assert.equal(verifier.verify(token).kind, "valid", algorithm);
      const middle = Math.floor(token.length - 40);
      const changed = token[middle] === "A" ? "B" : "A";
      const wrong = token.slice(0, middle) + changed + token.slice(middle + 1);
      assert.equal(verifier.verify(wrong).kind, "invalid", algorithm);
    }
  });

  it("tries every key that fits for a token that names none, and its own for one that does", () => {
    const other = nextKeyPair();
    const pem = other.publicKey.export({ type: "spki", format: "pem" });
    const keys = [verificationKey(pem, ["RS256"], "b"), verificationKey(publicPem, ["RS256"], "a")];
    const verifier = verifierWith({ keys });
    assert.equal(verifier.verify(makeToken()).kind, "valid");
    assert.equal(verifier.verify(makeToken({}, { header: { kid: "a" } })).kind, "valid");
    for (const kid of ["b", "c", "", 1, null]) {
      assert.equal(verifier.verify(makeToken({}, { header: { kid } })).kind, "invalid", `${kid}`);
    }
  });

  it("serves HS256 where it is configured, with a shared secret only", () => {
    const secret = "s".repeat(32);
    const material = { bytes: Buffer.from(secret), source: "test", kid: undefined };
    const [key] = loadKeys({ kind: "secret", ...material }, ["HS256"]);
    assert.ok(key);
    const input = `${encode({ alg: "HS256" })}.${encode({ sub: "a", iat: now, exp: now + 60 })}`;
    const sign = (by: string) =>
      `${input}.${createHmac("sha256", by).update(input).digest("base64url")}`;
    assert.equal(verifierWith({ keys: [key] }).verify(sign(secret)).kind, "valid");
    // Key confusion (RFC 8725 section 2.1): the public key's text as an HMAC secret.
    assert.equal(verifierWith().verify(sign(publicPem)).kind, "invalid");
    const both = verifierWith({ keys: [key, verificationKey(publicPem, ["RS256", "HS256"])] });
    assert.equal(both.verify(sign(publicPem)).kind, "invalid");
  });

  const good = { sub: "alice", iat: now, exp: now + 60 };
  const unsigned = (header: object, payload: object) => `${encode(header)}.${encode(payload)}.AAAA`;
  const refused: Record<string, string> = {
    "alg none": unsigned({ alg: "none" }, good),
    "alg RS384 with the right key": makeToken({}, { algorithm: "RS384" }),
    "alg PS256 with the right key": makeToken({}, { algorithm: "PS256" }),
    "a critical extension": makeToken({}, { header: { crit: ["exp"] } }),
    "an unencoded payload": makeToken({}, { header: { b64: false } }),
    "no exp": makeToken({ exp: undefined }),
    "exp as text": makeToken({ exp: "9999999999" }),
    "exp null": makeToken({ exp: null }),
    "an exp beyond what can be counted": makeToken({ exp: 1e12 }),
    "a life longer than is remembered": makeToken({ exp: now + 31 * 24 * 3600 }),
    "a life that is long because iat lies ahead": makeToken({
      iat: now + 40 * 24 * 3600,
      exp: now + 41 * 24 * 3600,
    }),
    "nbf in the future": makeToken({ nbf: now + 60 }),
    "nbf as text": makeToken({ nbf: "0" }),
    "iat as text": makeToken({ iat: "0" }),
    "too long a text": makeToken({ pad: "x".repeat(10_000) }),
    nothing: "",
    "two dots": "..",
  };
  for (const [what, token] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.equal(verifierWith().verify(token).kind, "invalid"));
  }

  it("accepts a token without iat as long as what is left of its life is remembered", () => {
    const token = makeToken({ iat: undefined, exp: now + threeDays });
    assert.equal(verifierWith().verify(token).kind, "valid");
    assert.equal(verifierWith({ maxLifetimeSeconds: 3600 }).verify(token).kind, "invalid");
  });

  it("seeks in turn until a ring has a key that fits", async () => {
    let keys: KeyRing["keys"] = [];
    let isFound = () => true;
    const ring: KeyRing = {
      ...fixedKeys([]),
      get keys() {
        return keys;
      },
      mayGet: () => true,
      async seek(found) {
        isFound = found;
      },
    };
    const search = verifierWith({ keys: ring }).verify(makeToken(), { search: "in_turn" });
    assert.equal(search.kind, "unknown_key");
    assert.equal(isFound(), false);
    keys = [verificationKey(publicPem)];
    assert.equal(isFound(), true);
  });

  it("holds a missing key against a token only while its set is in no trouble", () => {
    const lookedUp = (trouble: string | undefined, search?: Promise<void>) => {
      const lookFor = () => search;
      const keys: KeyRing = { ...fixedKeys([]), mayGet: () => true, trouble, lookFor };
      return verifierWith({ keys }).verify(makeToken());
    };
    assert.equal(lookedUp(undefined).kind, "invalid");
    assert.deepEqual(lookedUp("unreachable"), { kind: "unknown_key", ready: undefined });
    const waited = lookedUp(undefined, Promise.resolve());
    assert.ok(waited.kind === "unknown_key" && waited.ready instanceof Promise);
  });

  it("hints at a wrong clock for tokens that were signed, accepted or not", () => {
    const seen: number[] = [];
    const clockHints = {
      isAhead: (iat: number) => iat > now,
      sawIssuedAhead: (iat: number) => void seen.push(iat),
    };
    const verifier = verifierWith({ clockHints });
    const forged = makeToken({ iat: now + 20 }, { key: nextKeyPair().privateKey });
    assert.equal(verifier.verify(forged).kind, "invalid");
    assert.equal(verifier.verify(makeToken({ iat: now })).kind, "valid");
    assert.deepEqual(seen, []);
    assert.equal(verifier.verify(makeToken({ iat: now + 20 })).kind, "valid");
    assert.equal(verifier.verify(makeToken({ iat: now + 500, exp: undefined })).kind, "invalid");
    assert.deepEqual(seen, [now + 20, now + 500]);
  });

  it("takes a token that says it was issued five minutes ahead, and none that says more", () => {
    const ahead = (seconds: number) =>
      verifierWith().verify(makeToken({ iat: now + seconds })).kind;
    assert.deepEqual([ahead(300), ahead(301)], ["valid", "invalid"]);
  });

  it("seeks a key for algorithms that its issuer may use, and for no others", async () => {
    let searches = 0;
    const keys: KeyRing = {
      ...fixedKeys([]),
      mayGet: (alg) => alg === "RS256",
      async seek() {
        searches += 1;
      },
    };
    const verifier = verifierWith({ keys });
    // One of the application's own, such as the refresh token beside an access token.
    const own = makeToken({}, { algorithm: "PS256" });
    assert.deepEqual(await verifyInFull(verifier, own), { kind: "invalid" });
    assert.equal(searches, 0);
    await verifyInFull(verifier, makeToken());
    assert.equal(searches, 1);
  });
});
