import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withIntrospection } from "../../../src/token/introspection.ts";
import { plainNames } from "../../../src/token/names.ts";
import { readOpaqueToken } from "../../../src/token/opaque-token.ts";
import type { Verifier } from "../../../src/token/verifier.ts";

const verifier: Verifier = {
  names: plainNames,
  seen: { tokens: 0, subject: 0, sid: 0, jti: 0 },
  verify: () => ({ kind: "invalid" }),
  forget: () => {},
};

function setUp() {
  const waiting: ((answer: unknown) => void)[] = [];
  const introspecting = withIntrospection(verifier, {
    ...{ names: plainNames, issuer: undefined, audience: undefined, tokenBytes: 1000 },
    ...{ clockToleranceSeconds: 5, maxLifetimeSeconds: 5000, clock: { nowSeconds: () => 100 } },
    cacheMs: 60_000,
    ask: () => new Promise((resolve) => waiting.push(resolve)),
    onAnswer: () => {},
  });
  return { waiting, introspecting };
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
    const late = introspecting.verify("token99");
    assert.ok(late.kind === "unknown_key" && late.ready === undefined);
    waiting[0]?.({ active: true, sub: "a", iat: 90, exp: 200 });
    await first.ready;
    assert.equal(introspecting.verify("token0", { search: "none" }).kind, "valid");
    introspecting.forget();
    assert.equal(introspecting.verify("token0", { search: "none" }).kind, "unknown_key");
  });

  it("names such a token as a logout names its text", async () => {
    const { waiting, introspecting } = setUp();
    const asked = introspecting.verify("token");
    waiting[0]?.({ active: true, sub: 42, iat: 90, exp: 200 });
    assert.ok(asked.kind === "unknown_key");
    await asked.ready;
    const verification = introspecting.verify("token");
    assert.ok("token" in verification);
    assert.equal(verification.token.id, readOpaqueToken("token", 200, plainNames).id);
    assert.equal(verification.token.subject, plainNames.claim("sub", undefined, "42")?.value);
  });
});
