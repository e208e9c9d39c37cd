import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RedisTopology } from "../../src/denylist/redis/client.ts";
import { cutoffFor, entryFor, many, standingOf } from "../contract/denylist-suite.ts";
import { startRedis } from "../helpers/redis.ts";
import { startCluster, startSentinel } from "../helpers/redis-topologies.ts";
import { startSpokenSentinel } from "../helpers/spoken-sentinel.ts";
import {
  connectReplica,
  openStoreOn,
  readyWithinMs,
  type TestStore,
  type TestStoreOptions,
} from "../helpers/store.ts";
import { until } from "../helpers/until.ts";

/** Two sidecars' denylists, both ready. */
async function openTwo(
  t: TestContext,
  topology: RedisTopology,
  options: TestStoreOptions = {},
): Promise<[TestStore, TestStore]> {
  const redis = { topology, commandTimeoutMs: 1000, ...options.redis };
  const open = () => openStoreOn(t, 0, { ...options, redis });
  const stores: [TestStore, TestStore] = [await open(), await open()];
  await until(() => stores.every(({ denylist }) => denylist.health().ready));
  return stores;
}

/** Revokes, however often Redis fails meanwhile, as a client that logs out again would. */
async function revokeAt({ denylist }: TestStore, entry: ReturnType<typeof entryFor>) {
  await until(() =>
    denylist.revoke([entry]).then(
      () => true,
      () => false,
    ),
  );
}

/** The answer, once there is one; long before the test's time is up, why there is none. */
async function answerOf({ denylist }: TestStore, entry: ReturnType<typeof entryFor>) {
  const giveUpMs = performance.now() + readyWithinMs;
  let answer: string | undefined;
  await until(async () => {
    answer = await standingOf(denylist, entry).catch((error: Error) => {
      if (performance.now() < giveUpMs) return undefined;
      throw new Error(`no answer: ${error.message}; health: ${denylist.health().reason}`);
    });
    return answer !== undefined;
  });
  return answer;
}

for (const reads of ["local", "every-request"] as const) {
  describe(`Sentinel (${reads})`, () => {
    it("keeps every revocation through failovers, those included that the new primary never had", async (t) => {
      const sentinel = await startSentinel(t);
      const [a, b] = await openTwo(t, sentinel.topology, { denylist: { reads } });
      const before = many("before", 50);
      await Promise.all(before.map((entry) => a.denylist.revoke([entry])));

      // Cut off from the primary, the replica misses what is revoked now.
      const other = sentinel.servers[1];
      await other.client.call("REPLICAOF", "127.0.0.1", "1");
      const missed = many("missed", 50);
      await Promise.all(missed.map((entry) => a.denylist.revoke([entry])));
      assert.equal(await other.client.exists(b.replica.keys.keyOf(missed[0] ?? entryFor(""))), 0);
      await other.client.call("REPLICAOF", "NO", "ONE");
      await sentinel.servers[0].kill();
      await until(async () => (await sentinel.primary()) === other);

      for (const entry of [...before, ...missed]) {
        assert.equal(await answerOf(b, entry), "revoked");
        assert.equal(await answerOf(a, entry), "revoked");
      }
      assert.equal(await answerOf(b, entryFor("never")), "live");
      await revokeAt(b, entryFor("after"));
      assert.equal(await answerOf(a, entryFor("after")), "revoked");
    });
  });

  describe(`Cluster (${reads})`, () => {
    it("spreads the entries over all nodes, and finds them there", async (t) => {
      const { nodes, topology } = await startCluster(t);
      const [a, b] = await openTwo(t, topology, { denylist: { reads } });
      const entries = many("spread", 300);
      await Promise.all(entries.map((entry) => a.denylist.revoke([entry])));
      await a.denylist.revoke([cutoffFor("alice", 1000)]);
      for (const { client } of nodes) assert.ok((await client.dbsize()) > 30);
      for (const entry of entries) assert.equal(await answerOf(b, entry), "revoked");
      assert.equal(await answerOf(b, entryFor("never")), "live");
      assert.equal(await standingOf(b.denylist, cutoffFor("alice", 0), 1000), "revoked");
      assert.equal(await standingOf(b.denylist, cutoffFor("alice", 0), 1001), "live");
      // A newcomer that has only Redis.
      const newcomer = await openStoreOn(t, 0, { redis: { topology }, denylist: { reads } });
      await until(() => newcomer.denylist.size > entries.length);
    });

    it("keeps every revocation when one node after the other loses its data", async (t) => {
      const { nodes, topology, whole } = await startCluster(t);
      const redis = { graceMs: 2500 };
      const [a, b] = await openTwo(t, topology, { redis, denylist: { reads } });
      const entries = many("kept", 100);
      await Promise.all(entries.map((entry) => a.denylist.revoke([entry])));
      const keysInRedis = async () => {
        const held = await Promise.all(nodes.map(({ client }) => client.keys("revgate:*tok:*")));
        return held.flat().length;
      };
      assert.equal(await keysInRedis(), entries.length);
      for (const [index, node] of nodes.entries()) {
        if (index === 0) {
          await node.client.flushall();
        } else {
          await node.kill();
          await node.start();
          await whole();
        }
        for (const entry of entries) assert.equal(await answerOf(b, entry), "revoked");
        assert.equal(await answerOf(b, entryFor("never")), "live");
        await revokeAt(b, entryFor(`while ${index}`));
        assert.equal(await answerOf(a, entryFor(`while ${index}`)), "revoked");
      }
      // Every entry is in Redis again, for sidecars that have nothing else. (A busy machine may take longer than the grace.)
      await until(async () => (await keysInRedis()) === entries.length + nodes.length);
      const newcomer = await openStoreOn(t, 0, { redis: { topology }, denylist: { reads } });
      for (const entry of entries) assert.equal(await answerOf(newcomer, entry), "revoked");
    });
  });
}

describe("a node of a Cluster that loses its data while others are waited for", () => {
  it("keeps nobody from being ready in the end, although nobody asks", async (t) => {
    const { nodes, topology, whole } = await startCluster(t);
    const redis = { graceMs: 4000 };
    const stores = await openTwo(t, topology, { redis });
    const [{ denylist, replica }] = stores;
    await denylist.revoke(many("before", 100));
    const restart = async (node: (typeof nodes)[number]) => {
      await node.kill();
      await node.start();
      await whole();
    };
    const [epochKey] = replica.keys.stateKeys(replica.keys.feedShard);
    const hasFeed = await Promise.all(
      nodes.map(({ client }) => client.exists(epochKey).then(Boolean, () => false)),
    );
    const feedNode = nodes[hasFeed.indexOf(true)];
    const other = nodes[hasFeed.indexOf(false)];
    assert.ok(feedNode && other);
    await restart(feedNode);
    await until(async () => {
      const looks = [...replica.keys.entryShards].map((shard) => replica.look(shard));
      const all = await Promise.all(looks).catch(() => []);
      return all.length > 0 && all.every(({ state }) => state.kind !== "changed");
    });
    assert.ok(stores.every((store) => !store.denylist.health().ready));
    await restart(other);
    await until(() => stores.every((store) => store.denylist.health().ready));
    for (const entry of many("before", 100)) {
      for (const store of stores) assert.equal(await answerOf(store, entry), "revoked");
    }
  });
});

describe("a connection to a Cluster", () => {
  it("leaves nothing running that was closed while it asked for the slots", async (t) => {
    const { nodes, topology } = await startCluster(t);
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout");
    const { length: before } = timers();
    const replica = connectReplica(t, 0, { topology });
    await until(() => replica.up);
    for (const node of nodes) node.signal("SIGSTOP");
    // Longer than the pause between two refreshes, so that one is under way.
    await sleep(1500);
    replica.close();
    for (const node of nodes) node.signal("SIGCONT");
    await until(() => timers().length <= before);
  });
});

describe("a connection that asks a sentinel for the primary", () => {
  it("comes to be although it is told of another primary at that moment", async (t) => {
    const redis = await startRedis(t);
    const sentinel = await startSpokenSentinel(t, redis.port);
    const replica = connectReplica(t, 0, { topology: sentinel.topology });
    // One for each connection of the replica's.
    await until(() => replica.up && sentinel.listeners() >= 3);
    const { asked, answer } = sentinel.hold();
    await redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await until(() => asked() >= 3);
    sentinel.tellOfAnother();
    await until(() => sentinel.listeners() === 0);
    answer();
    await until(() => replica.up);
    await replica.look(replica.keys.feedShard);
  });

  it("asks again if there is no answer", async (t) => {
    const redis = await startRedis(t);
    const sentinel = await startSpokenSentinel(t, redis.port);
    const { asked, answerOthers } = sentinel.hold();
    const { topology } = sentinel;
    const replica = connectReplica(t, 0, { topology, commandTimeoutMs: 1000 });
    await until(() => asked() >= 3);
    answerOthers();
    await until(() => replica.up);
  });
});

describe("a primary that hangs while another takes its place", () => {
  it("is not believed when it comes back", async (t) => {
    const sentinel = await startSentinel(t);
    const { topology } = sentinel;
    const [a, b] = await openTwo(t, topology, { denylist: { reads: "local" } });
    const denylist = { reads: "every-request" } as const;
    const c = await openStoreOn(t, 0, { redis: { topology, commandTimeoutMs: 1000 }, denylist });
    await until(() => c.denylist.health().ready);
    await a.denylist.revoke([entryFor("before")]);
    const [old, other] = sentinel.servers;
    old.signal("SIGSTOP");
    await until(async () => (await sentinel.primary()) === other);
    await revokeAt(a, entryFor("after"));
    old.signal("SIGCONT");
    // Until the sentinel has made it a replica, it takes itself for a primary.
    await until(async () => {
      for (const store of [b, c]) assert.equal(await answerOf(store, entryFor("after")), "revoked");
      return (await old.client.info("replication")).includes("role:slave");
    });
    for (const store of [b, c]) {
      assert.equal(await answerOf(store, entryFor("before")), "revoked");
      assert.equal(await answerOf(store, entryFor("never")), "live");
    }
  });
});

describe("waitReplicas", () => {
  it("promises nothing, and believes nothing, without as many replicas", async (t) => {
    const sentinel = await startSentinel(t);
    const redis = { waitReplicas: 1 };
    const [a, b] = await openTwo(t, sentinel.topology, {
      redis,
      denylist: { reads: "every-request" },
    });
    await a.denylist.revoke([entryFor("a")]);
    assert.equal(await answerOf(b, entryFor("a")), "revoked");
    const [, replica] = sentinel.servers;
    assert.equal(await replica.client.exists(b.replica.keys.keyOf(entryFor("a"))), 1);

    await replica.kill();
    await until(() =>
      b.denylist.ask({ id: entryFor("b").value }).then(
        () => false,
        () => true,
      ),
    );
    await assert.rejects(a.denylist.revoke([entryFor("b")]), { code: "revocation_pending" });
    await replica.start();
    await revokeAt(a, entryFor("b"));
    assert.equal(await answerOf(b, entryFor("b")), "revoked");
    assert.equal(await answerOf(b, entryFor("c")), "live");
  });
});
