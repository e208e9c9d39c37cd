import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { atEndOfTurn } from "../../../src/node-http/end-of-turn.ts";

describe("what is sent at the end of a turn", () => {
  it("waits for all that this turn still brings, and leaves in order", async () => {
    const done: string[] = [];
    for (const name of ["first", "second"]) atEndOfTurn(() => done.push(name));
    queueMicrotask(() => {
      done.push("read");
      atEndOfTurn(() => done.push("third"));
    });
    assert.deepEqual(done, []);
    await nextTurn();
    assert.deepEqual(done, ["read", "first", "second", "third"]);
  });

  it("includes what comes up meanwhile, a turn later", async () => {
    const done: string[] = [];
    atEndOfTurn(() => {
      atEndOfTurn(() => done.push("later"));
      done.push("now");
    });
    await nextTurn();
    assert.deepEqual(done, ["now"]);
    await nextTurn();
    assert.deepEqual(done, ["now", "later"]);
  });
});
