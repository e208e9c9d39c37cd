import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createConnectionTokens } from "../../../src/gateway/connection-tokens.ts";
import type { VerifiedToken } from "../../../src/token/verified-token.ts";

function token(id: string, subject: string | undefined, expiresAt: number): VerifiedToken {
  return { id, subject, expiresAt, issuedAt: 1, notBefore: undefined };
}

function start() {
  const watched = new Map<string, number>();
  let now = 0;
  const tokens = createConnectionTokens({
    live: {
      add: ({ id, expiresAt }) => {
        watched.set(id, expiresAt);
        return () => watched.delete(id);
      },
    },
    clock: { nowSeconds: () => now },
    cut: () => {},
  });
  const setNow = (seconds: number) => {
    now = seconds;
  };
  return { tokens, setNow, watched: () => Object.fromEntries(watched) };
}

describe("the tokens of one connection", () => {
  it("of one subject renew each other: all may be revoked, the last to expire ends it", () => {
    const { tokens, watched } = start();
    tokens.add(token("a", "alice", 100));
    tokens.add(token("b", "alice", 200));
    assert.deepEqual(watched(), { a: 200, b: 200 });
    tokens.add(token("c", "alice", 150));
    assert.deepEqual(watched(), { a: 200, b: 200, c: 200 });
    tokens.close();
    assert.deepEqual(watched(), {});
  });

  it("of several subjects, or of none, do not: the first to expire ends it", () => {
    const { tokens, watched } = start();
    tokens.add(token("a", "alice", 100));
    tokens.add(token("b", "bob", 200));
    tokens.add(token("c", undefined, 300));
    tokens.add(token("d", undefined, 400));
    assert.deepEqual(watched(), { a: 100, b: 200, c: 300, d: 400 });
  });

  it("are sixteen at most, the same one and expired ones not counted", () => {
    const { tokens, setNow, watched } = start();
    for (let at = 0; at < 16; at += 1) assert.ok(tokens.add(token(`t${at}`, "alice", 100)));
    assert.ok(tokens.add(token("t0", "alice", 100)));
    assert.ok(!tokens.add(token("t16", "alice", 100)));
    setNow(10_000);
    assert.ok(tokens.add(token("t17", "alice", 20_000)));
    assert.deepEqual(watched(), { t17: 20_000 });
  });
});
