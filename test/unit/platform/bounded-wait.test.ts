import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBoundedWait } from "../../../src/platform/bounded-wait.ts";

describe("a wait that many may join", () => {
  it("is given up by the peer with the most, the first of it, once there are too many", async () => {
    const wait = createBoundedWait(64);
    let end = (): void => {};
    const ready = new Promise<void>((resolve) => {
      end = resolve;
    });
    const provider = wait("provider", ready);
    const strangers = Array.from({ length: 70 }, () => wait("stranger", ready));
    end();
    assert.equal(await provider, true);
    const waited = await Promise.all(strangers);
    assert.deepEqual(
      waited,
      waited.map((_, index) => index >= 7),
    );
  });

  it("ends for each in a turn of the event loop of its own", async () => {
    const wait = createBoundedWait(64);
    let turn = 0;
    let isOver = false;
    const count = (): void => {
      turn += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const turns = await Promise.all(
      Array.from({ length: 20 }, async () => {
        await wait("any", Promise.resolve());
        return turn;
      }),
    );
    isOver = true;
    assert.equal(new Set(turns).size, 20);
  });

  it("fails as what is waited for does", async () => {
    const wait = createBoundedWait(1);
    await assert.rejects(wait("any", Promise.reject(new Error("no"))), /no/);
  });
});
