import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCheckTurns } from "../../../src/gateway/check-turns.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

/** Turns of a gate whose time for signatures is used up, and what was counted. */
function usedUp() {
  const counted = { turn: 0, refused: 0, seconds: 0 };
  const count =
    (what: keyof typeof counted) =>
    (by = 1) => {
      counted[what] += by;
    };
  // Time passes only while it is waited for: of what was used up, some is free again after a few milliseconds.
  let nowMs = 0;
  const timers = {
    nowMs: () => nowMs,
    runLater: (step: () => void, afterMs: number) => {
      nowMs += afterMs;
      setImmediate(step);
    },
  };
  const metrics = {
    signatureSeconds: { inc: count("seconds") },
    checkWaits: { turn: { inc: count("turn") }, refused: { inc: count("refused") } },
  };
  const turns = createCheckTurns(0.5, metrics, timers);
  turns.spend(100);
  return { turns, counted };
}

function visitOf(address: string, forwardedFor?: string) {
  const trusts = (other: string) => other === "10.0.0.1";
  return {
    headers: new HeaderList(forwardedFor === undefined ? [] : ["X-Forwarded-For", forwardedFor]),
    peer: {
      ...{ address, trusts, trusted: trusts(address) },
      ...{ proto: "http" as const, certificate: undefined },
    },
  };
}

describe("turns for signatures", () => {
  it("has 1024 requests wait; beyond that the client with the most loses its first", async () => {
    const { turns, counted } = usedUp();
    assert.ok(!turns.mayCheck());
    const one = turns.wait(visitOf("192.0.2.1"));
    const flood = Array.from({ length: 1030 }, () => turns.wait(visitOf("192.0.2.2")));
    assert.deepEqual(await Promise.all(flood.slice(0, 8)), [...Array(7).fill(false), true]);
    assert.equal(await one, true);
    await Promise.all(flood);
    assert.deepEqual([counted.turn, counted.refused, counted.seconds], [1024, 7, 0.1]);
    assert.ok(turns.charged.mayCheck());
  });

  const clients: [string, (i: number) => ReturnType<typeof visitOf>][] = [
    ["the address that a trusted proxy names", (i) => visitOf("10.0.0.1", `${i}.1.1.1, 192.0.2.2`)],
    [
      "the address that a stranger has, whatever it says",
      (i) => visitOf("192.0.2.2", `1.1.1.${i}`),
    ],
    ["a network of IPv6, of which one client has all addresses", (i) => visitOf(`2001:db8::${i}`)],
  ];
  for (const [what, visit] of clients) {
    it(`takes ${what} for one client`, async () => {
      const { turns } = usedUp();
      const order: string[] = [];
      const wait = async (name: string, from: ReturnType<typeof visitOf>) => {
        await turns.wait(from);
        order.push(name);
      };
      const flood = [1, 2, 3, 4].map((i) => wait("flood", visit(i)));
      await Promise.all([...flood, wait("one", visitOf("192.0.2.1"))]);
      assert.deepEqual(order, ["flood", "one", "flood", "flood", "flood"]);
    });
  }
});
