import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Entry } from "../../../../src/denylist/denylist.ts";
import { Outbox } from "../../../../src/denylist/journal/outbox.ts";
import { Courier, type CourierOptions } from "../../../../src/denylist/redis/courier.ts";
import { KnownShards } from "../../../../src/denylist/redis/known-shards.ts";

const epoch = { id: "first" };
const tail = { id: "1-1", text: "" };
const entryFor = (value: string): Entry => ({ kind: "tok", value, expiresAt: 100 });

/** A courier whose first way to Redis takes until the test says so. */
function heldCourier(t: TestContext) {
  const outbox = new Outbox();
  let arrive = () => {};
  const held = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const sent: string[][] = [];
  const replica = {
    up: true,
    keys: { spread: false, feedShard: "all" },
    onReady: () => {},
    isBelieved: async () => true,
    async put(_shard: string, entries: readonly Entry[]) {
      sent.push(entries.map(({ value }) => value));
      await held;
      return { state: { epoch }, tail };
    },
  };
  const options = {
    ...{ outbox, replica, onTrouble: () => {}, clock: { nowSeconds: () => 0 } },
    ...{ journal: { acknowledge: () => {} }, known: new KnownShards() },
  } as unknown as CourierOptions;
  const courier = new Courier(options);
  t.after(() => courier.close());
  return { courier, outbox, sent, arrive };
}

describe("a courier", () => {
  it("tells of what has expired while something else was on its way: nobody waits for it for ever", async (t) => {
    const { courier, outbox, sent, arrive } = heldCourier(t);
    const first = courier.deliver([entryFor("first")]);
    const second = courier.deliver([entryFor("second")]);
    const told = assert.rejects(second, /expired/);
    outbox.dropExpired(100);
    arrive();
    assert.equal(await first, epoch);
    await told;
    assert.deepEqual(sent, [["first"]]);
  });

  it("takes nothing more when it has been closed, and says so", async (t) => {
    const { courier, arrive } = heldCourier(t);
    arrive();
    await courier.close();
    await assert.rejects(courier.deliver([entryFor("late")]), /stopping/);
  });
});
