import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { describe, it } from "node:test";
import { RedisReplica } from "../../src/denylist/redis-replica.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { entryFor } from "../contract/denylist-suite.ts";
import { listenOnLoopback } from "../helpers/application.ts";
import { startRedis } from "../helpers/redis.ts";

describe("look-ups in Redis", () => {
  it("travel together with their neighbours", async (t) => {
    const redis = await startRedis(t);
    const chunks: string[] = [];
    const relay = createServer((socket) => {
      const upstream = connect(redis.port, "127.0.0.1");
      socket.on("data", (data) => void chunks.push(data.toString("latin1")));
      socket.pipe(upstream).pipe(socket);
      socket.on("error", () => upstream.destroy());
      upstream.on("error", () => socket.destroy());
    });
    const port = await listenOnLoopback(t, relay);
    const replica = new RedisReplica({
      url: `redis://127.0.0.1:${port}`,
      password: undefined,
      ca: undefined,
      keyPrefix: "revgate:",
      connectTimeoutMs: 5000,
      commandTimeoutMs: 5000,
      clock: systemClock,
    });
    t.after(() => replica.close());
    await new Promise<void>((resolve) => replica.onReady(resolve));
    await replica.put([entryFor("3")]);
    chunks.length = 0;

    const names = Array.from({ length: 50 }, (_, i) => entryFor(String(i)));
    const answers = await Promise.all(names.map((name) => replica.has(name)));
    assert.deepEqual(
      answers,
      names.map((_, i) => i === 3),
    );
    const asked = chunks.filter((chunk) => chunk.includes("exists"));
    assert.equal(asked.length, 1, `${asked.length} writes for 50 look-ups`);
    assert.equal(asked[0]?.match(/exists/g)?.length, 50);
  });
});
