import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withIntrospection } from "../../../src/token/introspection.ts";
import { plainNames } from "../../../src/token/names.ts";
import { readOpaqueToken } from "../../../src/token/opaque-token.ts";

import type { Verifier } from "../../../src/token/verifier.ts";
import { until } from "../../helpers/until.ts";

const verifier: Verifier = {
  names: plainNames,
  seen: { tokens: 0, subject: 0, sid: 0, jti: 0 },
  verify: () => ({ kind: "invalid" }),
  remembered: () => [],
  forget: () => {},
};

function setUp({ maxWaitMs = 60_000 } = {}) {
  const waiting: ((answer: unknown) => void)[] = [];
  const asked: string[] = [];
  const introspecting = withIntrospection(verifier, {
    ...{ names: plainNames, issuer: undefined, audience: undefined, tokenBytes: 1000 },
    ...{ clockToleranceSeconds: 5, maxLifetimeSeconds: 5000, clock: { nowSeconds: () => 100 } },
    cacheMs: 60_000,
    maxWaitMs,
    ask: (credential) => {
      asked.push(credential);
      return new Promise((resolve) => waiting.push(resolve));
    },
    onAnswer: () => {},
  });
  return { waiting, asked, introspecting };
}

describe("withIntrospection", () => {
  it("asks about one token once at a time, and about few at the same time", async () => {
    const { waiting, introspecting } = setUp();
    const first = introspecting.verify("token0");
    assert.ok(first.kind === "unknown_key" && first.ready);
    introspecting.verify("token0");
    assert.equal(waiting.length, 1);
    for (let i = 1; i < 100; i += 1) introspecting.verify(`token${i}`);
    assert.equal(waiting.length, 64);
    waiting[0]?.({ active: true, sub: "a", iat: 90, exp: 200 });
    await first.ready;
    assert.equal(introspecting.verify("token0", { search: "none" }).kind, "valid");
    introspecting.forget();
    assert.equal(introspecting.verify("token0", { search: "none" }).kind, "unknown_key");
  });

  it("asks for clients of different networks in turn", async () => {
    const { waiting, asked, introspecting } = setUp();
    const verify = (token: string, network: string) =>
      introspecting.verify(token, { network: () => network });
    for (let i = 0; i < 1200; i += 1) verify(`madeUp${i}`, "198.51.100.7");
    const waits = verify("honest", "203.0.113.9");
    waiting[0]?.({ active: false });
    waiting[1]?.({ active: false });
    await until(() => asked.length === 66);
    assert.equal(asked.indexOf("honest"), 65);
    // What had to make room is not known, and is not asked about again by the same request.
    const displaced = introspecting.verify("madeUp64", { search: "none" });
    assert.deepEqual(displaced, { kind: "unknown_key", ready: undefined });
    waiting[65]?.({ active: true, sub: "a", iat: 90, exp: 200 });
    assert.ok(waits.kind === "unknown_key");
    await waits.ready;
    assert.equal(introspecting.verify("honest").kind, "valid");
  });

  it("asks no more about what has waited for too long", async () => {
    const { waiting, asked, introspecting } = setUp({ maxWaitMs: -1 });
    const late = introspecting.verify("late");
    assert.ok(late.kind === "unknown_key");
    await late.ready;
    assert.deepEqual([asked, waiting], [[], []]);
  });

  it("forgets no token that is active for those that are made up", async () => {
    const { waiting, introspecting } = setUp();
    const first = introspecting.verify("active");
    waiting[0]?.({ active: true, sub: "a", iat: 90, exp: 200 });
    assert.ok(first.kind === "unknown_key");
    await first.ready;
    for (let i = 1; i <= 10_001; i += 1) {
      const asking = introspecting.verify(`madeUp${i}`);
      waiting[i]?.({ active: false });
      assert.ok(asking.kind === "unknown_key");
      await asking.ready;
    }
    assert.equal(introspecting.verify("active").kind, "valid");
  });

  it("reads to which certificate a token is bound, and counts what tokens carry", async () => {
    const { waiting, introspecting } = setUp();
    const hash = "A".repeat(43);
    const asked = introspecting.verify("token");
    const claims = { active: true, sub: "a", sid: "s", iat: 90, exp: 200 };
    waiting[0]?.({ ...claims, cnf: { "x5t#S256": hash } });
    assert.ok(asked.kind === "unknown_key");
    await asked.ready;
    const verification = introspecting.verify("token");
    assert.ok("token" in verification);
    assert.equal(verification.token.certificate, hash);
    assert.deepEqual(introspecting.seen, { tokens: 1, subject: 1, sid: 1, jti: 0 });
  });

  it("takes a token for expired from its end and the tolerance on", async () => {
    for (const [exp, kind] of [
      [95, "expired"],
      [95.5, "valid"],
    ] as const) {
      const { waiting, introspecting } = setUp();
      const asked = introspecting.verify("token");
      waiting[0]?.({ active: true, sub: "a", iat: 90, exp });
      assert.ok(asked.kind === "unknown_key");
      await asked.ready;
      assert.equal(introspecting.verify("token", { search: "none" }).kind, kind);
    }
  });

  it("names such a token as a logout names its text", async () => {
    const { waiting, introspecting } = setUp();
    const asked = introspecting.verify("token");
    waiting[0]?.({ active: true, sub: 42, iat: 90, exp: 200 });
    assert.ok(asked.kind === "unknown_key");
    await asked.ready;
    const verification = introspecting.verify("token");
    assert.ok("token" in verification);
    assert.deepEqual(introspecting.remembered(), [verification.token]);
    assert.equal(verification.token.id, readOpaqueToken("token", 200, plainNames).id);
    assert.equal(verification.token.subject, plainNames.claim("sub", undefined, "42")?.value);
  });
});
