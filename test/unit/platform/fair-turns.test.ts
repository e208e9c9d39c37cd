import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFairTurns } from "../../../src/platform/fair-turns.ts";

/** Works that end when they are told to, and the order in which they began. */
function setUp({ max, maxWaiting }: { max: number; maxWaiting: number }) {
  const inTurn = createFairTurns({ max, maxWaiting });
  const begun: string[] = [];
  const ends = new Map<string, { succeed: (name: string) => void; fail: (error: Error) => void }>();
  const start = (peer: string, name: string) =>
    inTurn(
      () => peer,
      () => {
        begun.push(name);
        return new Promise<string>((succeed, fail) => ends.set(name, { succeed, fail }));
      },
    );
  const end = async (name: string) => {
    ends.get(name)?.succeed(name);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, ends, start, end };
}

describe("fair turns", () => {
  it("begins so many at once, and then has the peers take turns", async () => {
    const { begun, start, end } = setUp({ max: 2, maxWaiting: 10 });
    for (const name of ["a1", "a2", "a3", "a4"]) void start("a", name);
    void start("b", "b1");
    assert.deepEqual(begun, ["a1", "a2"]);
    await end("a1");
    await end("a2");
    assert.deepEqual(begun, ["a1", "a2", "a3", "b1"]);
  });

  it("has the peer with the most make room beyond the bound", async () => {
    const { begun, start, end } = setUp({ max: 1, maxWaiting: 2 });
    void start("a", "a1");
    const displaced = start("a", "a2");
    void start("a", "a3");
    void start("b", "b1");
    assert.equal(await displaced, undefined);
    await end("a1");
    await end("a3");
    assert.deepEqual(begun, ["a1", "a3", "b1"]);
  });

  it("hands a place on if the work fails", async () => {
    const { begun, ends, start, end } = setUp({ max: 1, maxWaiting: 2 });
    const failing = start("a", "a1");
    const next = start("b", "b1");
    ends.get("a1")?.fail(new Error("failed"));
    await assert.rejects(failing, /failed/);
    await new Promise((resolve) => setImmediate(resolve));
    await end("b1");
    assert.equal(await next, "b1");
    assert.deepEqual(begun, ["a1", "b1"]);
  });
});
