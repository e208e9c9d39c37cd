import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTurns } from "../../../src/platform/turns.ts";

describe("turns", () => {
  it("come one after the other, whatever became of the one before; other names do not wait", async () => {
    const inTurn = createTurns(3);
    const done: string[] = [];
    let fail = (_: Error): void => {};
    const first = inTurn("a", () => new Promise<void>((_, reject) => (fail = reject)));
    const second = inTurn("a", () => void done.push("second"));
    await inTurn("b", () => void done.push("other"));
    assert.deepEqual(done, ["other"]);
    fail(new Error("no"));
    await assert.rejects(first ?? Promise.resolve(), /no/);
    await second;
    assert.deepEqual(done, ["other", "second"]);
  });

  it("are refused beyond the most of one name, and given again once they are over", async () => {
    const inTurn = createTurns(2);
    let end = (): void => {};
    const first = inTurn("a", () => new Promise<void>((resolve) => (end = resolve)));
    const second = inTurn("a", () => 2);
    assert.equal(
      inTurn("a", () => 3),
      undefined,
    );
    assert.equal(await inTurn("b", () => 4), 4);
    await null;
    end();
    await first;
    assert.equal(await second, 2);
    assert.equal(await inTurn("a", () => 5), 5);
  });
});
