import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";
import { KeySpace } from "../../src/denylist/redis/key-space.ts";
import type { RedisReplicaOptions } from "../../src/denylist/redis/replica.ts";
import { entryFor, many, standingOf } from "../contract/denylist-suite.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { startCluster } from "../helpers/redis-topologies.ts";
import { openStoreOn } from "../helpers/store.ts";
import { until } from "../helpers/until.ts";

const keys = new KeySpace("revgate:", { spread: true });

async function slotOf({ client }: TestRedis, shard: string): Promise<number> {
  return Number(await client.call("CLUSTER", "KEYSLOT", keys.stateKeys(shard)[0]));
}

/** The node that has a shard. */
async function ownerOf(nodes: readonly TestRedis[], shard: string): Promise<TestRedis> {
  for (const node of nodes) {
    const [epoch] = keys.stateKeys(shard);
    if (await node.client.exists(epoch).catch(() => 0)) return node;
  }
  throw new Error(`nobody has shard ${shard}`);
}

const idOf = async ({ client }: TestRedis) => String(await client.call("CLUSTER", "MYID"));

/** Moves some keys of a slot from one node to another, which both know of. */
async function moveKeys(from: TestRedis, to: TestRedis, slot: number, count: number) {
  const some = (await from.client.call("CLUSTER", "GETKEYSINSLOT", slot, count)) as string[];
  const target = ["127.0.0.1", to.port, "", 0, 5000, "KEYS"];
  // To a node that has no right to the slot, and keeps what came by.
  await from.client.call("ASKING");
  await from.client.call("MIGRATE", ...target, ...some);
}

async function openReady(t: TestContext, redis: Partial<RedisReplicaOptions>) {
  const store = await openStoreOn(t, 0, { redis });
  await until(() => store.denylist.health().ready);
  return store;
}

describe("a slot of a Cluster that moves during a load", () => {
  it("ends the load, also if it moves back before the end; then nothing is missing", async (t) => {
    const { nodes, topology } = await startCluster(t);
    const a = await openReady(t, { topology });
    const entries = many("moving", 200);
    await a.denylist.revoke(entries);
    const shard = entries[0]?.value.slice(0, 1) ?? "";
    const from = await ownerOf(nodes, shard);
    const to = nodes.find((node) => node !== from) ?? from;
    const [slot, fromId, toId] = [await slotOf(from, shard), await idOf(from), await idOf(to)];
    const listAll = async () => {
      let count = 0;
      for await (const { entries: some } of a.replica.entries.pages()) count += some.length;
      return count;
    };
    assert.equal(await listAll(), entries.length);

    await to.client.call("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
    await from.client.call("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
    await moveKeys(from, to, slot, 1);
    await assert.rejects(listAll(), /slot \d+ of the cluster is moving/);
    // Taken back again: no map and no config epoch shows that it ever began.
    await from.client.call("CLUSTER", "SETSLOT", slot, "STABLE");
    await moveKeys(to, from, slot, 10);
    await to.client.call("CLUSTER", "SETSLOT", slot, "STABLE");
    assert.equal(await listAll(), entries.length);
  });
});

describe("a Cluster", () => {
  it("is asked for no name, and goes on when a look at one would be too old", async (t) => {
    const { topology } = await startCluster(t);
    const a = await openStoreOn(t, 0, { redis: { topology }, denylist: { nameTrustMs: 50 } });
    await until(() => a.denylist.health().ready);
    await until(() => a.denylist.lookUp({ id: entryFor("nobody").value }) === "live");
    const fresh = performance.now();
    await until(() => performance.now() - fresh > 200);
    await until(() => a.denylist.lookUp({ id: entryFor("nobody").value }) === "live");
    await a.denylist.revoke([entryFor("a")]);
  });
});

describe("a Cluster whose nodes send each other a slot", () => {
  it("gets each question a few times, and its sidecar says which slot", async (t) => {
    const { nodes, topology } = await startCluster(t);
    const [first, second] = nodes;
    assert.ok(first && second);
    const slots = await Promise.all(keys.entryShards.map((shard) => slotOf(first, shard)));
    const at = slots.findIndex((each) => each < 16_384 / 3);
    const [shard = "", slot] = [keys.entryShards[at], slots[at]];
    // The first gives it away, and the second does not take it.
    await first.client.call("CLUSTER", "SETSLOT", String(slot), "NODE", await idOf(second));
    const { denylist, replica } = await openStoreOn(t, 0, { redis: { topology } });
    const disagree = new RegExp(`do not agree which of them has slot ${slot} `);
    await until(() => disagree.test(denylist.health().reason ?? ""));
    const refused = async () => {
      const stats = await Promise.all(nodes.map(({ client }) => client.info("commandstats")));
      const found = [...stats.join("\n").matchAll(/^cmdstat_evalsha:.*rejected_calls=(\d+)/gm)];
      return found.reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const before = await refused();
    const asks: Promise<void>[] = [];
    while (asks.length < 20) {
      asks.push(assert.rejects(replica.ask({ id: shard.padEnd(43, "-") }), disagree));
      // Those of one turn would travel together.
      await setImmediate();
    }
    await Promise.all(asks);
    assert.ok((await refused()) - before < 12 * asks.length);
  });
});

describe("a node of a Cluster", () => {
  it("is filled by a sidecar that was paused while the feed was trimmed past its loss", async (t) => {
    const { nodes, topology } = await startCluster(t);
    const redis = { topology, feedLines: 100 };
    const [a, b] = [await openReady(t, redis), await openReady(t, redis)];
    const feed = await ownerOf(nodes, "feed");
    // Not of the node that has the feed: a feed that is lost as well has everything compared.
    const elsewhere = await Promise.all(
      many("known to one", 20).map(async (entry) => {
        const owner = await ownerOf(nodes, entry.value.slice(0, 1));
        return owner === feed ? undefined : { entry, owner };
      }),
    );
    const { entry, owner } = elsewhere.find((each) => each !== undefined) ?? assert.fail();
    await a.denylist.revoke([entry]);
    // The feed tells no newcomer of it.
    await a.denylist.revoke([entryFor("later")]);
    await until(() => b.local.lookUp({ id: entryFor("later").value }) === "revoked");
    await feed.client.xtrim(a.replica.keys.stateKeys("feed")[4], "MAXLEN", 1);

    // From here on B neither reads nor writes.
    const { readFeed, look } = b.replica;
    let resume = () => {};
    const paused = new Promise<void>((resolve) => {
      resume = resolve;
    });
    b.replica.readFeed = (...args) => paused.then(() => readFeed.apply(b.replica, args));
    b.replica.look = (...args) => paused.then(() => look.apply(b.replica, args));
    await a.denylist.close();
    await owner.client.flushall();
    const c = await openReady(t, redis);
    const [held] = [c.replica.keys.keyOf(entry)];
    try {
      for (let at = 0; at < 4; at += 1) await c.denylist.revoke(many(`others${at}`, 500));
      assert.equal(await owner.client.exists(held), 0);
    } finally {
      Object.assign(b.replica, { readFeed, look });
      resume();
    }
    await until(async () => (await owner.client.exists(held)) === 1);
    await until(async () => (await standingOf(c.denylist, entry).catch(() => "")) === "revoked");
  });

  it("is filled again after it went back to older data, although nobody asked it anything", async (t) => {
    const { nodes, topology } = await startCluster(t, (end, more = []) =>
      startRedis(end, [...more, "--enable-debug-command", "yes"]),
    );
    const a = await openReady(t, { topology });
    const entry = entryFor("rolled back");
    const shard = entry.value.slice(0, 1);
    const owner = await ownerOf(nodes, shard);
    await owner.client.save();
    await a.denylist.revoke([entry]);
    await owner.client.call("DEBUG", "RELOAD", "NOSAVE");
    await until(async () => (await owner.client.exists(a.replica.keys.keyOf(entry))) === 1);
  });
});
