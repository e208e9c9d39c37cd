import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { describe, it } from "node:test";
import { entryFor, tokenOf } from "../contract/denylist-suite.ts";
import { listenOnLoopback } from "../helpers/application.ts";
import { startRedis } from "../helpers/redis.ts";
import { startRelay } from "../helpers/relay.ts";
import { beginEpoch, connectReplica } from "../helpers/store.ts";
import { until } from "../helpers/until.ts";

describe("look-ups in Redis", () => {
  it("find a revocation that ends while the answer is on its way", async (t) => {
    const redis = await startRedis(t);
    const relay = await startRelay(t, redis.port);
    const replica = connectReplica(t, relay.port, { commandTimeoutMs: 20_000 });
    const [shard = ""] = replica.keys.entryShards;
    await beginEpoch(replica, shard, 1);
    await until(async () => (await replica.look(shard)).state.kind === "trusted");
    const ending = { ...entryFor("ending"), expiresAt: Math.ceil(Date.now() / 1000) + 1 };
    await replica.put(shard, [ending], []);
    relay.stall();
    const answer = replica.ask(tokenOf(ending));
    await until(() => Date.now() / 1000 > ending.expiresAt + 2);
    relay.heal();
    assert.equal(await answer, "revoked");
  });

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
    const replica = connectReplica(t, port);
    const connected = new Promise<void>((resolve) => replica.onReady(resolve));
    await connected;
    const [shard = ""] = replica.keys.entryShards;
    await beginEpoch(replica, shard, 1);
    await until(async () => (await replica.look(shard)).state.kind === "trusted");
    await replica.put(shard, [entryFor("3")], []);
    chunks.length = 0;

    const names = Array.from({ length: 50 }, (_, i) => tokenOf(entryFor(String(i))));
    const answers = await Promise.all(names.map((name) => replica.ask(name)));
    assert.deepEqual(
      answers,
      names.map((_, i) => (i === 3 ? "revoked" : "live")),
    );
    const asked = chunks.filter((chunk) => chunk.includes("evalsha"));
    assert.equal(asked.length, 1, `${asked.length} writes for 50 look-ups`);
    assert.equal(asked[0]?.match(/revgate:tok:/g)?.length, 50);
  });
});
