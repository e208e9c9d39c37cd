import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { Outbox } from "../../../../src/denylist/journal/outbox.ts";
import { FleetLives, type FleetLivesOptions } from "../../../../src/denylist/redis/fleet-lives.ts";
import type { ShardState } from "../../../../src/denylist/redis/store-state.ts";
import { RememberedLives } from "../../../../src/denylist/retention.ts";

const now = 1_800_000_000;
const epoch = { id: "e", stalenessMs: 100, start: "-", server: "s", before: "-", began: "holes" };
const at = (kind: "trusted" | "settling") =>
  ({ kind, server: "s", found: "e", epoch, endless: false }) as ShardState;

/** A sidecar beside a Redis that answers as the test says. */
function openLives(t: TestContext, kind: "trusted" | "settling" = "trusted") {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const redis = { text: "", state: at(kind), isAway: false };
  const replica: FleetLivesOptions["replica"] = {
    keys: { feedShard: "" } as FleetLivesOptions["replica"]["keys"],
    async look() {
      if (redis.isAway) throw new Error("away");
      return { state: redis.state, where: undefined, last: undefined };
    },
    async exchangeLives(found, wanted) {
      if (found === redis.text) redis.text = wanted;
      return redis.text;
    },
  };
  const [held, ignored] = [new RememberedLives(), [] as string[]];
  const fleet = new FleetLives({
    replica,
    local: {
      lives: held,
      adoptLives: async (lives) => held.adopt(lives, now).length > 0,
      revoke: async () => {},
    },
    outbox: new Outbox(),
    clock: { nowSeconds: () => now },
    ownSeconds: 3600,
    onChange() {},
    onIgnored: ({ cause }) => ignored.push(cause),
  });
  t.after(() => fleet.close());
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      t.mock.timers.tick(100);
      await new Promise(setImmediate);
    }
  };
  return { fleet, redis, held, ignored, pass };
}

describe("for how long the fleet remembers", () => {
  it("is known while it was read in the last 30 seconds, and read again as soon as it can be", async (t) => {
    const { fleet, redis, pass } = openLives(t);
    assert.match(fleet.unread ?? "", /has not been read/);
    await pass(100);
    assert.equal(fleet.unread, undefined);
    redis.isAway = true;
    await pass(29_000);
    assert.equal(fleet.unread, undefined);
    await pass(11_000);
    assert.match(fleet.unread ?? "", /too long ago/);
    redis.isAway = false;
    await pass(2100);
    assert.equal(fleet.unread, undefined);
  });

  it("is not learned from a store that is being filled again", async (t) => {
    const { fleet, redis, pass } = openLives(t, "settling");
    await pass(5000);
    assert.match(fleet.unread ?? "", /has not been read/);
    assert.equal(redis.text, "", "nor written by somebody who knows nothing");
    redis.text = `${now} ${now - 9000}:7200`;
    redis.state = at("trusted");
    await pass(300);
    assert.equal(fleet.unread, undefined);
    const sub = { kind: "sub", value: "x".repeat(43), cutoff: now, expiresAt: now } as const;
    assert.ok((fleet.lengthen([sub])[0]?.expiresAt ?? 0) > now + 7200);
  });

  it("is not shortened by a stranger, whoever needed it within a day knows", async (t) => {
    const { redis, held, ignored, pass } = openLives(t);
    redis.text = `${now - 2000} ${now - 2000}:3600`;
    await pass(100);
    const livesIn = (text: string) => text.slice(text.indexOf(" "));
    const before = {
      ...{ text: livesIn(redis.text), lives: held.list },
      latest: held.latestExpiry(now - 1000),
    };
    for (const text of [
      `${now} ${now - 100}:1`,
      `0 ${now - 2000}:3600 ${now - 100}:1 ${now}:3600`,
      `${now - 200_000} ${now + 60}:60`,
    ]) {
      redis.text = text;
      ignored.length = 0;
      await pass(10_100);
      assert.equal(livesIn(redis.text), before.text, text);
      assert.deepEqual(held.list, before.lives, text);
      assert.equal(held.latestExpiry(now - 1000), before.latest);
      assert.deepEqual(ignored, ["a shorter lifetime than a sidecar needed a moment ago"]);
    }
    redis.text = `${now} ${now - 2000}:3600 ${now + 60}:7200`;
    await pass(10_100);
    assert.equal(held.list.length, 2, "a longer one is believed");
    redis.text = `${now} ${now - 5000}:60`;
    await pass(10_100);
    assert.equal(held.list.length, 3, "and one from before anything known here");
  });

  it("is read anew when the clock has jumped", async (t) => {
    const { fleet, redis, pass } = openLives(t);
    await pass(100);
    redis.isAway = true;
    fleet.missed();
    assert.match(fleet.unread ?? "", /too long ago/);
    redis.isAway = false;
    await pass(300);
    assert.equal(fleet.unread, undefined);
  });
});
