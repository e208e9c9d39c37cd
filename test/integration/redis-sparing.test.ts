import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatBeginning } from "../../src/denylist/beginning.ts";
import { type Cut, formatSparing, joinCuts } from "../../src/denylist/cut.ts";
import type { Denylist, Entry } from "../../src/denylist/denylist.ts";
import { joinedCuts } from "../../src/denylist/redis/cut-scripts.ts";
import { cutoffFor, entryFor, sparingCutoff } from "../contract/denylist-suite.ts";
import { fc } from "../helpers/fast-check.ts";
import { startRedis, untilRecovered } from "../helpers/redis.ts";
import { openReady } from "../helpers/store.ts";
import { until } from "../helpers/until.ts";

const [kept, other] = [entryFor("kept"), entryFor("other")];
const sparing = sparingCutoff("alice", 1000, kept);

async function standing(denylist: Denylist, id: string, issuedAt = 1000): Promise<string> {
  const token = { id, subject: sparing.value, issuedAt };
  const known = denylist.lookUp(token);
  return known === "ask" ? denylist.ask(token) : known;
}

const answers = (denylist: Denylist) =>
  standing(denylist, kept.value).then(
    () => true,
    () => false,
  );

describe("what a cut-off spares, in Redis", { concurrency: 4 }, () => {
  it("is the same to all: by the feed, by a load, by asking, and after a loss", async (t) => {
    const redis = await startRedis(t);
    const writer = await openReady(t, redis.port);
    const byFeed = await openReady(t, redis.port);
    await writer.denylist.revoke([sparing]);
    const byLoad = await openReady(t, redis.port);
    const byAsking = await openReady(t, redis.port, { denylist: { reads: "every-request" } });
    const all = [writer, byFeed, byLoad, byAsking];
    const check = async () => {
      for (const { denylist } of all) {
        assert.equal(await standing(denylist, kept.value), "live");
        assert.equal(await standing(denylist, other.value), "revoked");
        assert.equal(await standing(denylist, other.value, 1001), "live");
      }
    };
    await check();
    await redis.client.flushall();
    await until(async () => (await redis.client.exists(`revgate:sub:${sparing.value}`)) === 1);
    await untilRecovered(redis);
    // Who has not read yet that another epoch has begun is told of it by an answer that proves nothing.
    for (const { denylist } of all) await until(() => answers(denylist));
    await check();
    // Another sidecar's that spares nothing, of the second before.
    await byFeed.denylist.revoke([cutoffFor("alice", 999)]);
    for (const { denylist } of all) {
      assert.equal(await standing(denylist, kept.value, 999), "revoked");
      assert.equal(await standing(denylist, kept.value, 1000), "live");
    }
  });

  it("stands in the key of its cut-off: what Redis evicts takes both, or neither", async (t) => {
    const redis = await startRedis(t);
    const { denylist } = await openReady(t, redis.port);
    await denylist.revoke([sparing]);
    const key = `revgate:sub:${sparing.value}`;
    assert.deepEqual(await redis.client.keys(`*${sparing.value}`), [key]);
    assert.equal(await redis.client.get(key), `${sparing.expiresAt} 1000 ${sparing.sparing}`);
    // Sidecars that know nothing of it read in the feed that the whole subject has ended.
    const feed = await redis.client.xrange("revgate:feed", "-", "+");
    const plain = `sub ${sparing.value} ${sparing.expiresAt} 1000`;
    assert.ok(feed.some(([, [, line]]) => line === plain));
  });

  it("is nothing if it is not readable, and is written anew", async (t) => {
    const redis = await startRedis(t);
    const { denylist } = await openReady(t, redis.port);
    const key = `revgate:sub:${sparing.value}`;
    await denylist.revoke([sparing]);
    const held = (await redis.client.get(key)) ?? "";
    const long = `${held};${"x".repeat(22)}/1/1`.padEnd(1400, "1");
    for (const value of ["5;a/b/c", "x", ";5", "5 5"]
      .map((word) => `${sparing.expiresAt} 1000 ${word}`)
      .concat(long)) {
      await redis.client.set(key, value, "EX", 100);
      const { denylist: later } = await openReady(t, redis.port);
      assert.equal(await standing(later, kept.value), "revoked", value);
      await later.revoke([sparing]);
      assert.equal(await redis.client.get(key), held, value);
      await later.close();
    }
  });

  it("is put together there as it is here", async (t) => {
    const { client } = await startRedis(t);
    const script = `${joinedCuts}
local cutoff, sparing = joinCuts(unpack(ARGV))
return cutoff .. ' ' .. sparing`;
    const name = fc.integer({ min: 0, max: 3 }).map((index) => String(index).repeat(22));
    const spared = fc.record({
      name,
      handedOutUs: fc.oneof(fc.constant(0), fc.integer({ min: 100_000_000, max: 102_999_999 })),
      after: fc.oneof(fc.constant(0), fc.integer({ min: 98, max: 101 })),
    });
    const cut: fc.Arbitrary<Cut> = fc
      .record({
        cutoff: fc.integer({ min: 100, max: 102 }),
        madeUs: fc.integer({ min: 0, max: 999_999 }),
        spared: fc.option(fc.uniqueArray(spared, { selector: (each) => each.name }), {
          nil: undefined,
        }),
      })
      .map(({ cutoff, madeUs, spared: some }) => ({
        cutoff,
        sparing: some && formatSparing({ madeUs, spared: some }),
      }));
    await fc.assert(
      fc.asyncProperty(cut, cut, async (one, another) => {
        const args = [one, another].flatMap((each) => [each.cutoff, each.sparing ?? ""]);
        const { cutoff, sparing: joined = "" } = joinCuts(one, another);
        assert.equal(await client.eval(script, 0, ...args), `${cutoff} ${joined}`);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the beginning of a session, in Redis", () => {
  it("lasts for as long as any sidecar has said", async (t) => {
    const redis = await startRedis(t);
    const { denylist } = await openReady(t, redis.port);
    const beginning = formatBeginning({ subject: kept.value, begunMs: 5 });
    const session = (lasts: number): Entry => {
      return { ...other, kind: "ses", expiresAt: other.expiresAt + lasts, beginning };
    };
    const key = `revgate:ses:${other.value}`;
    for (const lasts of [100, 0]) await denylist.revoke([session(lasts)]);
    assert.equal(await redis.client.get(key), `${other.expiresAt + 100} ${beginning}`);
    assert.ok((await redis.client.ttl(key)) > 1000);
    // What a stranger wrote is replaced.
    await redis.client.set(key, `${other.expiresAt + 900} ${kept.value} 5 6`);
    await denylist.revoke([session(200)]);
    assert.equal(await redis.client.get(key), `${other.expiresAt + 200} ${beginning}`);
  });
});
