import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Epoch } from "../../../../src/denylist/redis/store-state.ts";
import { Waiters } from "../../../../src/denylist/redis/waiters.ts";

const epoch = { id: "e" } as unknown as Epoch;

describe("those who wait for an acknowledgement", () => {
  it("are told when all that they wait for has had one, however many wait", async () => {
    const waiters = new Waiters();
    const names = Array.from({ length: 10_000 }, (_, i) => `tok:${i}`);
    const waiting = names.map((name) => waiters.wait([name]));
    const startedMs = performance.now();
    for (let at = 0; at < names.length; at += 1000) {
      waiters.release(waiters.waitingFor(names.slice(at, at + 1000)), epoch);
    }
    // Each was looked at for each of a batch: a minute, in which all that waited for Redis was given up.
    assert.ok(performance.now() - startedMs < 5000);
    assert.equal(new Set(await Promise.all(waiting)).size, 1);
  });

  it("are told of the last of several, and of none that was sent before they waited", async () => {
    const waiters = new Waiters();
    const told: string[] = [];
    const before = waiters.waitingFor(["a", "b"]);
    void waiters.wait(["a", "b"]).then(() => told.push("both"));
    waiters.release(before, epoch);
    waiters.release(waiters.waitingFor(["a"]), epoch);
    await Promise.resolve();
    assert.deepEqual(told, []);
    waiters.release(waiters.waitingFor(["b"]), epoch);
    await Promise.resolve();
    assert.deepEqual(told, ["both"]);
  });

  it("are all told of an attempt that failed, once", async () => {
    const waiters = new Waiters();
    const waiting = [waiters.wait(["a", "b"]), waiters.wait(["a"])];
    waiters.rejectAll(new Error("no"));
    for (const one of waiting) await assert.rejects(one, { message: "no" });
    assert.deepEqual(waiters.waitingFor(["a"]), [{ name: "a", waiters: [] }]);
  });
});
