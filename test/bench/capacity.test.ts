import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { Redis } from "ioredis";
import { startRedis } from "../helpers/redis.ts";
import { until } from "../helpers/until.ts";
import { measureFleet, quickPlan } from "./fleet.ts";
import { startUpstream } from "./gates.ts";
import { replay, startRecorder } from "./recorded.ts";

/** The short form of `npm run capacity`: each figure is measured; what it is is not asked here. */
describe("the capacity of one Redis", () => {
  it("has a verdict on each figure that is to be reached", { timeout: 200_000 }, async (t) => {
    const parts = await measureFleet(t, await startUpstream(t), quickPlan);
    const verdicts = parts.flatMap((part) => part.verdicts);
    for (const { what, measured } of verdicts) assert.ok(Number.isFinite(measured), what);
    const targets = verdicts.flatMap(({ target }) => (target === undefined ? [] : [target]));
    assert.deepEqual(
      targets.map((target) => "most" in target && target.most),
      [0.25, 5, 0.25, 0.05, 1.5, 1.5, 0.5, 1, 0.102],
    );
  });

  it("has followers that send what a sidecar was seen to send, each on connections of its own", async (t) => {
    const redis = await startRedis(t);
    const recorder = await startRecorder(redis);
    t.after(() => recorder.close());
    const port = Number(new URL(recorder.url).port);
    const kept = connect(port, "127.0.0.1");
    t.after(() => kept.destroy());
    await once(kept, "connect");
    const recorded = recorder.record(400);
    kept.write("INCR kept\r\n");
    await once(kept, "data");
    const brief = connect(port, "127.0.0.1", () => brief.end("INCR brief\r\n"));
    await once(brief.resume(), "close");
    const recording = await recorded;

    const client = new Redis(redis.port, "127.0.0.1");
    t.after(() => client.disconnect());
    await client.flushall();
    const before = await countConnections(client);
    await replay(redis, { ...recording, ms: 100_000 }, { followers: 3, seconds: 0.3 });
    // The first begins where the recording does, and the others further on, where there is nothing any more.
    await until(async () => (await client.get("brief")) === "1");
    assert.equal(await client.get("kept"), "1");
    assert.ok((await countConnections(client)) - before >= 4, "three kept ones, and a brief one");
  });
});

async function countConnections(client: Redis): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await client.info("stats"))?.[1]);
}
