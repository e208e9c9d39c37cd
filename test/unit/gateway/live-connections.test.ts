import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Entry } from "../../../src/denylist/denylist.ts";
import { LiveConnections } from "../../../src/gateway/live-connections.ts";
import type { VerifiedToken } from "../../../src/token/verified-token.ts";

const token = {
  id: "t".repeat(43),
  jti: "j".repeat(43),
  sid: "s".repeat(43),
  subject: "u".repeat(43),
  issuedAt: 100,
  expiresAt: 1000,
  notBefore: undefined,
};

function setUp(
  t: TestContext,
  changes: {
    atExpiry?: "keep";
    isRevoked?: () => boolean;
    session?: string;
    beginning?: string;
  } = {},
) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 500_000 });
  const cuts: string[] = [];
  const live = new LiveConnections({
    clock: { nowSeconds: () => Date.now() / 1000 },
    isRevoked: changes.isRevoked ?? (() => false),
    sessionOf: () => changes.session,
    beginningOf: () => changes.beginning,
    clockToleranceSeconds: () => 5,
    atExpiry: () => changes.atExpiry ?? "cut",
    onCut: (reason) => void cuts.push(`counted ${reason}`),
  });
  const add = (name: string, claims: Partial<VerifiedToken> = {}) =>
    live.add({ ...token, ...claims }, (reason) => void cuts.push(`${name} ${reason}`));
  return { live, cuts, add, t };
}

describe("LiveConnections", () => {
  const named: [string, Entry][] = [
    ["token", { kind: "tok", value: token.id, expiresAt: 2000 }],
    ["jti", { kind: "jti", value: token.jti, expiresAt: 2000 }],
    ["session", { kind: "sid", value: token.sid, expiresAt: 2000 }],
    ["subject", { kind: "sub", value: token.subject, expiresAt: 2000, cutoff: 100 }],
  ];
  for (const [what, entry] of named) {
    it(`cuts what lives under a revoked ${what}, once, and nothing else`, (t) => {
      const { live, cuts, add } = setUp(t);
      const other = "o".repeat(43);
      add("one");
      add("two", { id: other });
      add("bob", { id: other, jti: other, sid: other, subject: other });
      live.revoke(entry);
      live.revoke(entry);
      const both = what === "token" ? [] : ["two token_revoked"];
      assert.deepEqual(
        cuts.filter((text) => !text.startsWith("counted")),
        ["one token_revoked", ...both],
      );
      assert.equal(live.size, 2 - both.length);
    });
  }

  it("cuts what lives under a token that was linked to a session since", (t) => {
    const { live, cuts, add } = setUp(t);
    const [session, former] = ["n".repeat(43), "f".repeat(43)];
    add("one");
    const end = live.add(
      { ...token, id: "o".repeat(43), others: [{ kind: "tok", value: former }] },
      () => cuts.push("two"),
    );
    live.revoke({ kind: "lnk", value: token.id, expiresAt: 2000, session: "e".repeat(43) });
    // A token belongs to the session that it was linked to last.
    live.revoke({ kind: "lnk", value: token.id, expiresAt: 2000, session });
    live.revoke({ kind: "lnk", value: former, expiresAt: 2000, session });
    end();
    live.revoke({ kind: "sid", value: "e".repeat(43), expiresAt: 2000 });
    assert.deepEqual([cuts, live.size], [[], 1]);
    live.revoke({ kind: "sid", value: session, expiresAt: 2000 });
    assert.deepEqual([cuts, live.size], [["counted token_revoked", "one token_revoked"], 0]);
  });

  it("cuts what is linked to a session that has ended", (t) => {
    let isRevoked = false;
    const { live, cuts, add } = setUp(t, { isRevoked: () => isRevoked });
    add("one");
    isRevoked = true;
    live.revoke({ kind: "lnk", value: token.id, expiresAt: 2000, session: "n".repeat(43) });
    assert.deepEqual(cuts, ["counted token_revoked", "one token_revoked"]);
  });

  it("cuts thousands of one token in several turns of the event loop", async (t) => {
    const { live, cuts, add } = setUp(t);
    for (let i = 0; i < 200; i += 1) add(`${i}`);
    live.revoke({ kind: "tok", value: token.id, expiresAt: 2000 });
    assert.equal(live.size, 200 - 64);
    while (live.size > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(new Set(cuts).size, 201);
  });

  it("links thousands of one token in several turns of the event loop, to the last session in the end", async (t) => {
    const { live, cuts, add } = setUp(t);
    const [first, last] = ["f".repeat(43), "n".repeat(43)];
    for (let i = 0; i < 600; i += 1) add(`${i}`);
    const end = add("gone");
    const link = { kind: "lnk", value: token.id, expiresAt: 2000 } as const;
    live.revoke({ ...link, session: first });
    live.revoke({ ...link, session: last });
    // What was linked to has not all been counted by now, and a connection may close meanwhile.
    assert.equal(live.countOf({ kind: "sid", value: first }), 250);
    end();
    let turns = 0;
    for (; live.countOf({ kind: "sid", value: last }) < 600; turns += 1) await nextTurn();
    assert.ok(turns >= 4, `${turns}`);
    assert.equal(live.countOf({ kind: "sid", value: first }), 0);
    assert.deepEqual([live.size, cuts], [600, []]);
  });

  it("cuts what waits to be linked to a session that ends meanwhile", async (t) => {
    let isRevoked = false;
    const { live, add } = setUp(t, { isRevoked: () => isRevoked });
    const session = "n".repeat(43);
    for (let i = 0; i < 300; i += 1) add(`${i}`);
    live.revoke({ kind: "lnk", value: token.id, expiresAt: 2000, session });
    isRevoked = true;
    live.revoke({ kind: "sid", value: session, expiresAt: 2000 });
    while (live.size > 0) await nextTurn();
  });

  it("keeps what was issued behind a subject's cut-off", (t) => {
    const { live, cuts, add } = setUp(t);
    add("later", { issuedAt: 101 });
    live.revoke({ kind: "sub", value: token.subject, expiresAt: 2000, cutoff: 100 });
    assert.deepEqual(cuts, []);
  });

  it("cuts what was linked to a session that ends", (t) => {
    const { live, cuts, add } = setUp(t, { session: "l".repeat(43) });
    const end = add("one");
    add("two");
    end();
    live.revoke({ kind: "sid", value: "l".repeat(43), expiresAt: 2000 });
    assert.deepEqual(cuts, ["counted token_revoked", "two token_revoked"]);
  });

  it("cuts an opaque token with the subject of its session, known before or since, if that is as old", (t) => {
    const [session, subject] = ["l".repeat(43), "w".repeat(43)];
    const opaque = { subject: undefined, sid: undefined, issuedAt: undefined };
    const changes: { session: string; beginning?: string } = { session };
    const { live, cuts, add } = setUp(t, changes);
    const beginning = `${subject} 200000`;
    add("told since", opaque);
    changes.beginning = beginning;
    live.revoke({ kind: "ses", value: session, expiresAt: 2000, beginning });
    add("known", opaque);
    add("dated");
    const cutoff = { kind: "sub", value: subject, expiresAt: 2000 } as const;
    live.revoke({ ...cutoff, cutoff: 199 });
    assert.equal(cuts.length, 0);
    live.revoke({ ...cutoff, cutoff: 200 });
    const told = cuts.filter((each) => !each.startsWith("counted"));
    assert.deepEqual(told, ["told since token_revoked", "known token_revoked"]);
  });

  it("cuts at expiry, and not before anybody's clock says so", async (t) => {
    const { cuts, add } = setUp(t);
    add("one");
    t.mock.timers.tick(504_999);
    await Promise.resolve();
    assert.deepEqual(cuts, []);
    t.mock.timers.tick(1);
    await Promise.resolve();
    assert.deepEqual(cuts, ["counted token_expired", "one token_expired"]);
  });

  it("waits longer than a timer can", async (t) => {
    const { cuts, add } = setUp(t);
    const days = 40 * 24 * 3600;
    add("one", { expiresAt: 500 + days });
    t.mock.timers.tick(days * 1000);
    await Promise.resolve();
    assert.deepEqual(cuts, []);
    t.mock.timers.tick(5000);
    await Promise.resolve();
    assert.equal(cuts.length, 2);
  });

  it("keeps it where that is configured", (t) => {
    const { cuts, add } = setUp(t, { atExpiry: "keep" });
    add("one");
    t.mock.timers.tick(10_000_000);
    assert.deepEqual(cuts, []);
  });

  it("cuts at once what was revoked since it was checked", async (t) => {
    const { cuts, add } = setUp(t, { isRevoked: () => true });
    add("one");
    await Promise.resolve();
    assert.deepEqual(cuts, ["counted token_revoked", "one token_revoked"]);
  });

  it("forgets what has ended by itself", (t) => {
    const { live, cuts, add } = setUp(t);
    add("one")();
    assert.equal(live.size, 0);
    for (const [, entry] of named) live.revoke(entry);
    t.mock.timers.tick(10_000_000);
    assert.deepEqual(cuts, []);
  });
});
