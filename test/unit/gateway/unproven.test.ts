import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Standing } from "../../../src/denylist/denylist.ts";
import type { Admitted } from "../../../src/gateway/checks.ts";
import type { Route } from "../../../src/gateway/route.ts";
import { countUnproven, createUnprovenBudget } from "../../../src/gateway/unproven.ts";
import { plainNames } from "../../../src/token/names.ts";
import { readOpaqueToken } from "../../../src/token/opaque-token.ts";

describe("a budget of unproven revocations", () => {
  it("is full at first, is used up, and fills again within an hour", () => {
    let nowMs = 0;
    const budget = createUnprovenBudget(10, () => nowMs)("192.0.2.1");
    assert.equal(budget.take(11), false);
    assert.equal(budget.take(5), true);
    assert.equal(budget.take(1), false);
    nowMs += 360_000;
    assert.equal(budget.take(1), true);
    assert.equal(budget.take(1), false);
    nowMs += 100 * 3_600_000;
    assert.equal(budget.take(5), true);
    assert.equal(budget.take(1), false);
  });

  it("leaves half of it to networks that have used little, which have a tenth each", () => {
    let nowMs = 0;
    const shared = createUnprovenBudget(100, () => nowMs);
    const taken = (network: string) => {
      let count = 0;
      while (shared(network).take(1)) count += 1;
      return count;
    };
    assert.equal(taken("a"), 50);
    assert.deepEqual(["b", "c", "a", "b"].map(taken), [10, 10, 0, 0]);
    assert.equal(shared("d").take(11), false);
    assert.deepEqual(["d", "e", "f", "g"].map(taken), [10, 10, 10, 0]);
    // What comes back belongs to those that have used little as well.
    nowMs += 360_000;
    assert.deepEqual(["a", "h"].map(taken), [1, 9]);
  });

  it("is without end if it is not to be refused, and costs nothing where nothing is taken", () => {
    const shared = createUnprovenBudget(Number.POSITIVE_INFINITY, () => 0);
    assert.equal(shared("a").take(1_000_000), true);
    const empty = createUnprovenBudget(1, () => 0)("a");
    assert.deepEqual([empty.take(1), empty.take(1), empty.take(0)], [true, false, true]);
  });

  it("takes back what came to nothing, and never holds more than it can", () => {
    const budget = createUnprovenBudget(4, () => 0)("192.0.2.1");
    assert.equal(budget.take(2), true);
    budget.giveBack(2);
    budget.giveBack(2);
    assert.deepEqual([budget.take(2), budget.take(1)], [true, false]);
  });
});

describe("what a request proves", () => {
  const now = 1000;
  const verified = {
    ...{ id: "x".repeat(43), subject: "s", issuedAt: 1, notBefore: undefined },
    expiresAt: now + 60,
  };
  const opaque = readOpaqueToken("a refresh token", now + 1000, plainNames);
  const subject = { name: { value: "n".repeat(43), former: [] }, ifUnknown: "keep" } as const;
  const route: Route = { access: "protected", revoke: "token" };
  const count = (
    admitted: Partial<Admitted>,
    {
      standing = "live" as Standing,
      subjects = [] as (typeof subject)[],
      session = undefined as string | undefined,
    } = {},
  ) =>
    countUnproven(
      {
        denylist: { lookUp: () => standing, knownSession: () => session },
        clock: { nowSeconds: () => now },
        lifetimes: { clockToleranceSeconds: 5, maxLifetimeSeconds: 3600 },
      },
      { kind: "pass", route, token: undefined, otherTokens: [], spared: [], ...admitted },
      subjects,
    );

  it("is all that it carries, by a live token of an issuer's", () => {
    assert.equal(count({ token: verified, otherTokens: [opaque] }, { subjects: [subject] }), 0);
    assert.equal(count({ token: verified, otherTokens: [opaque] }, { standing: "ask" }), 0);
  });

  it("is nothing of an opaque token or of a subject that it names, without one", () => {
    assert.equal(count({ token: opaque }), 1);
    assert.equal(count({ token: opaque, otherTokens: [opaque] }, { subjects: [subject] }), 3);
    assert.equal(count({ otherTokens: [verified, opaque] }), 1);
    assert.equal(count({ token: opaque, route: { ...route, keepsCarriedToken: true } }), 0);
  });

  it("is an opaque token that was handed out in a session, as long as it is known to be alive", () => {
    const session = "s".repeat(43);
    assert.equal(count({ token: opaque }, { session }), 0);
    assert.equal(count({ token: opaque }, { session, subjects: [subject] }), 1);
    for (const standing of ["revoked", "ask"] as const)
      assert.equal(count({ token: opaque }, { session, standing }), 1, standing);
  });

  it("is nothing by a token that is over: the same one could come again and again", () => {
    const more = { otherTokens: [opaque] };
    assert.equal(count({ ...more, token: { ...verified, expiresAt: now - 5 } }), 1);
    assert.equal(count({ ...more, token: verified }, { standing: "revoked" }), 1);
    const unseen: Route = { access: "public", revoke: "token" };
    assert.equal(count({ ...more, token: verified, route: unseen }, { standing: "ask" }), 1);
    const forwards: Route = { ...route, revoked: "forward" };
    assert.equal(count({ ...more, token: verified, route: forwards }, { standing: "ask" }), 1);
  });
});
