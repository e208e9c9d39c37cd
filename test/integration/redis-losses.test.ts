import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Redis } from "ioredis";
import type { Epoch } from "../../src/denylist/redis/store-state.ts";
import { entryFor, many, standingOf, tokenOf } from "../contract/denylist-suite.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { startRelay } from "../helpers/relay.ts";
import { makeSteppingClocks } from "../helpers/stepping-clock.ts";
import { openReady, openStoreOn, type TestStore, untilFresh } from "../helpers/store.ts";
import { until } from "../helpers/until.ts";

/** Waits until Redis has the keys of all these again. */
async function untilHeld({ client }: TestRedis, { replica }: TestStore, entries = many("x", 0)) {
  const keys = entries.map((entry) => replica.keys.keyOf(entry));
  await until(async () => (await client.exists(...keys)) === keys.length);
}

/** A sidecar that has nothing but Redis must refuse every one of these. */
async function refusedByNewcomer(t: TestContext, { port }: TestRedis, entries = many("x", 0)) {
  const newcomer = await openReady(t, port);
  for (const entry of entries) assert.equal(await standingOf(newcomer.denylist, entry), "revoked");
}

async function evictedKeys({ client }: TestRedis): Promise<number> {
  return Number(/evicted_keys:(\d+)/.exec(await client.info("stats"))?.[1]);
}

describe("what Redis lost without a new run id", () => {
  it("is written back after keys were evicted under a policy that was changed for a moment", async (t) => {
    const redis = await startRedis(t);
    const a = await openReady(t, redis.port);
    const entries = many("evicted", 400);
    await a.denylist.revoke(entries);
    await untilFresh(a);
    await redis.client.config("SET", "maxmemory-policy", "volatile-ttl");
    await redis.client.config("SET", "maxmemory", "1mb");
    await until(async () => (await evictedKeys(redis)) > 0);
    await redis.client.config("SET", "maxmemory", "0");
    await redis.client.config("SET", "maxmemory-policy", "noeviction");
    await untilHeld(redis, a, entries);
    await refusedByNewcomer(t, redis, entries);
  });

  it("is written back after a few keys were evicted, and the guard was not", async (t) => {
    const redis = await startRedis(t);
    const losses: string[] = [];
    const onLoss = (_: string, why: string) => void losses.push(why);
    const a = await openReady(t, redis.port, { denylist: { onLoss } });
    const entries = many("evicted", 400);
    await a.denylist.revoke(entries);
    await untilFresh(a);
    losses.length = 0;
    // The guard is read all the time; Redis counts idle time in whole seconds.
    const revoked = performance.now();
    await until(() => performance.now() - revoked > 2500);
    await redis.client.config("SET", "maxmemory-policy", "volatile-lru");
    await until(async () => {
      if ((await evictedKeys(redis)) > 0) return true;
      const used = /used_memory:(\d+)/.exec(await redis.client.info("memory"))?.[1];
      await redis.client.config("SET", "maxmemory", String(Number(used) - 10_000));
      return false;
    });
    await redis.client.config("SET", "maxmemory", "0");
    // While the policy is another, the sidecar reads nothing else: it may have seen only that.
    await redis.client.config("SET", "maxmemory-policy", "noeviction");
    await until(() => losses.length > 0);
    assert.equal(losses[0], "keys were evicted");
    await untilHeld(redis, a, entries);
  });

  it("is written back after it went back to older data", async (t) => {
    const redis = await startRedis(t, ["--enable-debug-command", "yes"]);
    const losses: string[] = [];
    const onLoss = (_: string, why: string) => void losses.push(why);
    const a = await openReady(t, redis.port, { denylist: { onLoss } });
    await a.denylist.revoke([entryFor("before")]);
    await redis.client.save();
    const after = many("after", 20);
    await a.denylist.revoke(after);
    losses.length = 0;
    await redis.client.call("DEBUG", "RELOAD", "NOSAVE");
    assert.equal(await redis.client.exists(a.replica.keys.keyOf(entryFor("after0"))), 0);
    await untilHeld(redis, a, after);
    assert.deepEqual(losses, ["it went back to older data"]);
    await refusedByNewcomer(t, redis, [entryFor("before"), ...after]);
  });

  it("is written back although this sidecar wrote more before it looked: that is not taken", async (t) => {
    const redis = await startRedis(t, ["--enable-debug-command", "yes"]);
    const a = await openReady(t, redis.port);
    for (let round = 0; round < 5; round += 1) {
      await redis.client.save();
      const lost = many(`lost ${round} `, 5);
      await a.denylist.revoke(lost);
      const back = redis.client.call("DEBUG", "RELOAD", "NOSAVE");
      // On its way behind the reload, and before any reading.
      const more = a.denylist.revoke([entryFor(`more ${round}`)]).catch(() => {});
      await Promise.all([back, more]);
      await untilHeld(redis, a, [...lost, entryFor(`more ${round}`)]);
      await untilFresh(a);
    }
  });

  it("is written back, and waited for, after it went back to an epoch that was over", async (t) => {
    const redis = await startRedis(t, ["--enable-debug-command", "yes"]);
    const losses: string[] = [];
    const onLoss = (_: string, why: string) => void losses.push(why);
    const entered: string[] = [];
    const onEpoch = ({ id }: Epoch) => void entered.push(id);
    const a = await openReady(t, redis.port, { denylist: { onLoss, onEpoch } });
    const epochId = async () => (await redis.client.get("revgate:epoch"))?.split(" ")[0];
    await redis.client.save();
    const before = await epochId();
    const after = many("after", 20);
    await a.denylist.revoke(after);
    // By an epoch that begins after a loss, what was lost first is there again, and that it was is forgotten.
    await redis.client.del("revgate:epoch");
    await until(() => entered.length > 1);
    await untilHeld(redis, a, after);
    await untilFresh(a);
    for (const list of [losses, entered]) list.length = 0;
    await redis.client.call("DEBUG", "RELOAD", "NOSAVE");
    await until(() => losses.length > 0);
    // Not for a moment: it would be complete in an epoch in which no sidecar is waited for.
    assert.ok(!entered.includes(String(before)));
    assert.equal(losses[0], "it went back to older data");
    await untilHeld(redis, a, after);
    await refusedByNewcomer(t, redis, after);
  });

  it("is written back although somebody wrote more since than was lost", async (t) => {
    const redis = await startRedis(t, ["--enable-debug-command", "yes"]);
    const relay = await startRelay(t, redis.port);
    const a = await openReady(t, relay.port, { redis: { commandTimeoutMs: 20_000 } });
    await redis.client.save();
    await a.denylist.revoke([entryFor("a")]);
    await untilFresh(a);
    relay.stall();
    await redis.client.call("DEBUG", "RELOAD", "NOSAVE");
    // By the time that it looks again, the feed has later lines than the one it read last.
    const b = await openReady(t, redis.port);
    await b.denylist.revoke(many("more", 20));
    relay.heal();
    await untilHeld(redis, a, [entryFor("a")]);
    await until(() => b.denylist.lookUp(tokenOf(entryFor("a"))) === "revoked");
  });

  it("is written back after its clock was an hour ahead for a moment", async (t) => {
    const clock = makeSteppingClocks(t)();
    const redis = await startRedis(t, [], clock.env);
    const losses: string[] = [];
    const onLoss = (_: string, why: string) => void losses.push(why);
    const a = await openReady(t, redis.port, { denylist: { onLoss } });
    const entries = many("expired early", 50);
    await a.denylist.revoke(entries);
    losses.length = 0;
    clock.setOff(3600);
    await until(() => losses.length > 0);
    clock.setOff(0);
    assert.match(losses.join(), /expired early/);
    await untilHeld(redis, a, entries);
    await refusedByNewcomer(t, redis, entries);
  });

  it("is written back after its clock was ahead twice: what an epoch begun meanwhile is guarded by ends in time", async (t) => {
    const clock = makeSteppingClocks(t)();
    const redis = await startRedis(t, [], clock.env);
    const losses: string[] = [];
    const onLoss = (_: string, why: string) => void losses.push(why);
    const a = await openReady(t, redis.port, { denylist: { onLoss } });
    const [early, late] = [many("before", 50), many("in between", 50)];
    const step = async (entries: typeof early) => {
      losses.length = 0;
      clock.setOff(4 * 3600);
      const giveUpAtMs = performance.now() + 20_000;
      await until(() => losses.length > 0 || performance.now() > giveUpAtMs);
      assert.match(losses.join(), /expired early/, "a loss went unnoticed");
      // In an epoch that is begun while the clock is ahead.
      await untilHeld(redis, a, entries);
      clock.setOff(0);
      await until(() => a.denylist.health().ready);
    };
    await a.denylist.revoke(early);
    await step(early);
    // Ready by what was known before the clock came back: the store may be in change still, and then it is sent again.
    await a.denylist.revoke(late).catch(({ code }) => assert.equal(code, "revocation_pending"));
    await untilHeld(redis, a, late);
    await step(late);
    await refusedByNewcomer(t, redis, [...early, ...late]);
  });

  it("is nothing where its clock steps by less than keys outlive their entries", async (t) => {
    const clock = makeSteppingClocks(t)();
    const redis = await startRedis(t, [], clock.env);
    const a = await openReady(t, redis.port);
    const short = { ...entryFor("short"), expiresAt: Math.floor(Date.now() / 1000) + 200 };
    await a.denylist.revoke([short]);
    clock.setOff(14 * 60);
    assert.equal(await redis.client.exists(a.replica.keys.keyOf(short)), 1);
    clock.setOff(0);
    assert.equal(await standingOf(a.denylist, short), "revoked");
  });
});

/** Breaks one of a sidecar's connections, as a load balancer might. */
async function breakConnection(client: Redis, name: string): Promise<void> {
  const list = String(await client.client("LIST"));
  const line = list.split("\n").find((one) => one.includes(`name=revgate-${name} `));
  const id = /^id=(\d+) /.exec(line ?? "")?.[1];
  assert.ok(id, `no connection of the ${name}`);
  await client.client("KILL", "ID", id);
}

/** A primary behind a name, and its replica, which lacks the last revocation when it is promoted. */
async function moveTheName(t: TestContext) {
  const atOnce = ["--repl-diskless-sync-delay", "0"];
  const [old, next] = [await startRedis(t, atOnce), await startRedis(t, atOnce)];
  const relay = await startRelay(t, old.port);
  const s = await openReady(t, relay.port, { denylist: { nameTrustMs: 1000 } });
  await untilFresh(s);
  await next.client.replicaof("127.0.0.1", old.port);
  await until(async () => (await next.client.info("replication")).includes("link_status:up"));
  await untilFresh(s);
  await until(() => s.denylist.health().ready);
  await next.client.replicaof("127.0.0.1", 1);
  await s.denylist.revoke([entryFor("missed")]);
  await next.client.replicaof("NO", "ONE");
  relay.leadTo(next.port);
  return { old, next, relay, s };
}

describe("a name in front of Redis that leads elsewhere while old connections stay", () => {
  for (const broken of ["follower", "writer", "reader", undefined]) {
    const moved = broken === undefined ? "no connection" : `the ${broken}`;
    it(`releases nothing that the others cannot know (${moved} has moved)`, async (t) => {
      const { old, next, relay, s } = await moveTheName(t);
      if (broken !== undefined) await breakConnection(old.client, broken);
      // The grace period of its epoch is longer than anybody trusts an old look at the name.
      const b = await openReady(t, relay.port, { redis: { graceMs: 1500 } });
      await untilFresh(b);
      await until(() =>
        s.denylist.revoke([entryFor("after")]).then(
          () => true,
          () => false,
        ),
      );
      assert.equal(await standingOf(b.denylist, entryFor("after")), "revoked");
      await untilHeld(next, s, [entryFor("missed"), entryFor("after")]);
      await until(() => b.denylist.lookUp(tokenOf(entryFor("missed"))) === "revoked");
    });
  }

  it("keeps a sidecar from being ready while nobody can say where it leads", async (t) => {
    const redis = await startRedis(t);
    // Over before any look at it has its answer.
    const { denylist } = await openStoreOn(t, redis.port, {
      denylist: { nameTrustMs: 0.01, holdTimeoutMs: 300 },
    });
    const untold = /not connected|not been|is new/;
    await until(() => !untold.test(denylist.health().reason ?? ""));
    assert.deepEqual(denylist.health(), {
      ready: false,
      reason: "the address of redis may lead to another server now",
    });
    await assert.rejects(denylist.ask(tokenOf(entryFor("nobody"))), /lead to another server now/);
    await assert.rejects(denylist.revoke([entryFor("held")]), /not in force at every sidecar/);
  });

  it("releases nothing, and says why, while it leads to two servers in turn", async (t) => {
    const [one, other] = [await startRedis(t), await startRedis(t)];
    const relay = await startRelay(t, one.port);
    // As long as anybody trusts an old look, and longer.
    const options = {
      redis: { graceMs: 1500 },
      denylist: { nameTrustMs: 500, holdTimeoutMs: 200 },
    };
    const [a, b] = [
      await openReady(t, relay.port, options),
      await openReady(t, relay.port, options),
    ];
    await Promise.all([untilFresh(a), untilFresh(b)]);
    relay.leadTo(one.port, other.port);
    const several = (s: typeof a) =>
      /to several servers in turn/.test(s.denylist.health().reason ?? "");
    let said = 0;
    let passed = 0;
    await until(async () => {
      const entry = entryFor(`in turn ${passed}`);
      const released = await a.denylist.revoke([entry]).then(
        () => true,
        () => false,
      );
      if (released) assert.notEqual(b.denylist.lookUp(tokenOf(entry)), "live");
      passed += 1;
      if (several(a) || several(b)) said += 1;
      return said > 5;
    });
    relay.leadTo(one.port);
    await Promise.all([untilFresh(a), untilFresh(b)]);
    await untilHeld(one, a, [entryFor("in turn 0")]);
  });

  it("is not hammered with commands meanwhile", async (t) => {
    const { old, next, s } = await moveTheName(t);
    await breakConnection(old.client, "follower");
    const counted = async () =>
      Number(/total_commands_processed:(\d+)/.exec(await next.client.info("stats"))?.[1]);
    const [before, started] = [await counted(), performance.now()];
    await until(() => performance.now() - started > 1000);
    await untilFresh(s);
    const perSecond = ((await counted()) - before) / ((performance.now() - started) / 1000);
    assert.ok(perSecond < 2000, `${perSecond} commands a second`);
  });
});

describe("a new epoch in which nothing was lost", () => {
  it("keeps nobody waiting for a grace period when the first replica is attached", async (t) => {
    const [redis, replica] = [await startRedis(t), await startRedis(t)];
    const long = { redis: { graceMs: 60_000 } };
    const first = await openStoreOn(t, redis.port);
    await until(() => first.denylist.health().ready);
    const seen: string[] = [];
    const onEpoch = ({ began }: { began: string }) => void seen.push(began);
    const a = await openReady(t, redis.port, { ...long, denylist: { onEpoch } });
    await a.denylist.revoke(many("kept", 100));
    await untilFresh(a);
    // Long enough to know who there is.
    await until(async () => (await redis.client.hlen("revgate:sidecars")) === 2);
    const started = performance.now();
    await until(() => performance.now() - started > 300);
    await replica.client.replicaof("127.0.0.1", redis.port);
    await until(() => seen.length > 1);
    const changed = performance.now();
    await untilFresh(a);
    assert.equal(seen.at(-1), "moved");
    assert.ok(performance.now() - changed < 50_000, "waited for the grace period");
    assert.equal(await redis.client.exists("revgate:grace"), 0);
  });

  it("compares nothing after a restart that lost nothing, and answers by memory at once", async (t) => {
    const redis = await startRedis(t, ["--appendonly", "yes", "--appendfsync", "always"]);
    const long = { redis: { graceMs: 60_000 } };
    const first = await openReady(t, redis.port);
    const a = await openReady(t, redis.port, long);
    await first.denylist.close();
    await a.denylist.revoke(many("kept", 3000));
    await untilFresh(a);
    const started = performance.now();
    await until(() => performance.now() - started > 300);
    await redis.kill();
    await redis.start();
    const restarted = performance.now();
    await until(() => a.denylist.lookUp(tokenOf(entryFor("nobody"))) === "ask");
    await untilFresh(a);
    assert.ok(performance.now() - restarted < 50_000, "waited for the grace period");
    // Neither loaded nor compared: no entries' values were read but those of a look-up or two.
    assert.doesNotMatch(await redis.client.info("commandstats"), /cmdstat_mget:calls=([2-9]|\d\d)/);
  });
});

describe("a new epoch", () => {
  it("is not trusted while somebody may go by the longer staleness of the one before", async (t) => {
    const redis = await startRedis(t);
    const relay = await startRelay(t, redis.port);
    const slow = { stalenessMs: 1000, graceMs: 2000, commandTimeoutMs: 20_000 };
    const s = await openReady(t, relay.port, { redis: slow });
    const q = await openReady(t, redis.port, { redis: { stalenessMs: 20, graceMs: 100 } });
    await untilFresh(s);
    relay.stall();
    await redis.client.flushall();
    await q.denylist.revoke([entryFor("a")]);
    assert.notEqual(s.denylist.lookUp(tokenOf(entryFor("a"))), "live");
  });
});
