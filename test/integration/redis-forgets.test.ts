import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../../src/platform/clock.ts";
import {
  cutoffFor,
  entryFor,
  many,
  nowSeconds,
  standingOf,
  tokenOf,
} from "../contract/denylist-suite.ts";
import { breakFiles } from "../helpers/broken-disk.ts";
import { filledName, fillRedis, startRedis } from "../helpers/redis.ts";
import { startRelay } from "../helpers/relay.ts";
import {
  beginEpoch,
  connectReplica,
  openReady,
  openStoreOn,
  type TestStore,
  type TestStoreOptions,
  untilFresh,
} from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";

/** Watches a sidecar until it knows an entry; it must never say meanwhile that the entry is not there. */
async function neverLive({ denylist }: TestStore, entry: ReturnType<typeof entryFor>) {
  await until(() => {
    const standing = denylist.lookUp(tokenOf(entry));
    assert.notEqual(standing, "live");
    return standing === "revoked";
  });
}

describe("reading locally", () => {
  it("asks nobody while the feed is followed, and refuses what another has revoked", async (t) => {
    const redis = await startRedis(t);
    // Longer than a busy machine may stand still.
    const slow = { redis: { stalenessMs: 1000, graceMs: 2000 } };
    const [a, b] = [await openReady(t, redis.port, slow), await openReady(t, redis.port, slow)];
    await untilFresh(b);
    await redis.client.config("RESETSTAT");
    for (let i = 0; i < 1000; i += 1) {
      assert.equal(b.denylist.lookUp(tokenOf(entryFor(`other${i}`))), "live");
    }
    await a.denylist.revoke([entryFor("a")]);
    await neverLive(b, entryFor("a"));
  });

  it("goes by the store's staleness, whatever a sidecar's own configuration says", async (t) => {
    const redis = await startRedis(t);
    const slow = await openReady(t, redis.port, { redis: { stalenessMs: 400, graceMs: 800 } });
    const quick = await openReady(t, redis.port, {
      redis: { stalenessMs: 20 },
      denylist: { reads: "every-request" },
    });
    await untilFresh(slow);
    const started = performance.now();
    await quick.denylist.revoke([entryFor("a")]);
    assert.ok(performance.now() - started >= 399);
    await neverLive(slow, entryFor("a"));
  });

  it("holds the second revocation of a token for as long as the first", async (t) => {
    const redis = await startRedis(t);
    const { denylist } = await openReady(t, redis.port);
    await denylist.revoke([entryFor("a")]);
    const started = performance.now();
    await denylist.revoke([entryFor("a")]);
    assert.ok(performance.now() - started >= 99);
    await redis.kill();
    await assert.rejects(denylist.revoke([entryFor("a")]), { code: "revocation_pending" });
  });

  it("stops trusting memory when the network stalls, and asks in vain", async (t) => {
    const redis = await startRedis(t);
    const relay = await startRelay(t, redis.port);
    const a = await openReady(t, redis.port);
    const b = await openReady(t, relay.port, { redis: { commandTimeoutMs: 300 } });
    await untilFresh(b);
    relay.stall();
    await a.denylist.revoke([entryFor("a")]);
    assert.equal(b.denylist.lookUp(tokenOf(entryFor("a"))), "ask");
    await assert.rejects(b.denylist.ask(tokenOf(entryFor("a"))), { code: "store_unavailable" });
    relay.heal();
    await neverLive(b, entryFor("a"));
  });

  it("takes a reading to be as old as its question, not as its answer", async (t) => {
    const redis = await startRedis(t);
    const relay = await startRelay(t, redis.port);
    const times = { stalenessMs: 1000, graceMs: 2000, commandTimeoutMs: 20_000 };
    const b = await openReady(t, relay.port, { redis: times });
    await untilFresh(b);
    // The first question from here on meets a network that stands still; the second waits for `release`.
    const { readFeed } = b.replica;
    const askedMs: number[] = [];
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    b.replica.readFeed = async (...args) => {
      askedMs.push(performance.now());
      if (askedMs.length === 1) relay.stall();
      else await released;
      return readFeed.apply(b.replica, args);
    };
    await until(() => performance.now() - (askedMs[0] ?? Infinity) > times.stalenessMs);
    relay.heal();
    // The answer that was held up has been taken in when there is a further question.
    await until(() => askedMs.length > 1);
    assert.equal(b.denylist.lookUp(tokenOf(entryFor("nobody"))), "ask");
    release();
    await untilFresh(b);
  });

  it("makes new connections where the old ones have died without a word", async (t) => {
    const redis = await startRedis(t);
    const relay = await startRelay(t, redis.port);
    const b = await openReady(t, relay.port, { redis: { commandTimeoutMs: 500 } });
    await untilFresh(b);
    relay.strand();
    await until(() => b.denylist.lookUp(tokenOf(entryFor("nobody"))) === "ask");
    // Each connection is found out by the first command that it does not answer.
    await untilFresh(b);
    await assert.rejects(b.denylist.revoke([entryFor("a")]), { code: "revocation_pending" });
    await until(() => b.outbox.size === 0);
    await assert.rejects(b.replica.ask(tokenOf(entryFor("a"))));
    await until(() =>
      b.replica.ask(tokenOf(entryFor("a"))).then(
        (standing) => standing === "revoked",
        () => false,
      ),
    );
  });

  it("proves nothing by a reading that was cut short by its length", async (t) => {
    const redis = await startRedis(t);
    const relay = await startRelay(t, redis.port);
    const a = await openReady(t, redis.port);
    const b = await openReady(t, relay.port, { redis: { commandTimeoutMs: 20_000 } });
    await untilFresh(b);
    relay.stall();
    const entries = many("full", 3500);
    await a.denylist.revoke(entries);
    relay.heal();
    await neverLive(b, entries.at(-1) ?? entryFor(""));
  });

  it("loads everything when the feed has been trimmed past its position", async (t) => {
    const redis = await startRedis(t);
    const relay = await startRelay(t, redis.port);
    const a = await openReady(t, redis.port, { redis: { feedLines: 100 } });
    const b = await openReady(t, relay.port, { redis: { commandTimeoutMs: 20_000 } });
    await untilFresh(b);
    relay.stall();
    const [lost, ...rest] = many("trimmed", 2000);
    assert.ok(lost);
    await a.denylist.revoke([lost]);
    for (let at = 0; at < rest.length; at += 500) await a.denylist.revoke(rest.slice(at, at + 500));
    assert.ok((await redis.client.xlen("revgate:feed")) < 1000);
    relay.heal();
    await neverLive(b, lost);
    await untilFresh(b);
  });

  it("recovers from a feed that somebody has deleted", async (t) => {
    const redis = await startRedis(t);
    const [a, b] = [await openReady(t, redis.port), await openReady(t, redis.port)];
    await redis.client.del("revgate:feed");
    await until(async () => (await redis.client.exists("revgate:feed")) === 1);
    await a.denylist.revoke([entryFor("a")]);
    assert.equal(await standingOf(b.denylist, entryFor("a")), "revoked");
    await untilFresh(b);
  });
});

describe("a Redis that forgets", () => {
  it("is filled again after FLUSHALL, while fresh sidecars go on", async (t) => {
    const redis = await startRedis(t);
    const slow = { redis: { graceMs: 1500 } };
    const [a, b] = [await openReady(t, redis.port, slow), await openReady(t, redis.port, slow)];
    const entries = many("flushed", 300);
    await a.denylist.revoke(entries);
    await a.denylist.revoke([cutoffFor("alice", 1000)]);
    await untilFresh(b);

    await redis.client.flushall();
    await until(async () => (await redis.client.exists("revgate:epoch")) === 1);
    for (const entry of entries) assert.equal(b.denylist.lookUp(tokenOf(entry)), "revoked");
    await untilFresh(b);
    // Whoever has nothing of its own is told nothing yet: what is not there may have been.
    const newcomer = await openStoreOn(t, redis.port, slow);
    await until(() => newcomer.replica.up);
    if ((await redis.client.pttl("revgate:grace")) > 500) {
      await assert.rejects(newcomer.denylist.ask(tokenOf(entryFor("unknown"))));
      assert.equal(newcomer.denylist.health().ready, false);
    }
    await until(() => newcomer.denylist.health().ready);
    for (const entry of entries) {
      assert.equal(await standingOf(newcomer.denylist, entry), "revoked");
    }
    assert.equal(await standingOf(newcomer.denylist, cutoffFor("alice", 0), 1000), "revoked");
    assert.equal(await standingOf(newcomer.denylist, cutoffFor("alice", 0), 1001), "live");
  });

  it("makes nobody refuse by a proof that is late for a moment while it is being filled again", async (t) => {
    const redis = await startRedis(t);
    const { denylist } = await openReady(t, redis.port);
    const known = entryFor("known");
    await denylist.revoke([known]);
    const unknown = tokenOf(entryFor("unknown"));
    await until(() => denylist.lookUp(unknown) === "live");
    const [epoch = ""] = ((await redis.client.get("revgate:epoch")) ?? "").split(" ");
    await redis.client.set("revgate:grace", epoch, "PX", 60_000);

    const busyUntilMs = performance.now() + 300;
    while (performance.now() < busyUntilMs);
    assert.equal(denylist.lookUp(unknown), "ask");
    assert.deepEqual(await Promise.all([denylist.ask(unknown), denylist.ask(tokenOf(known))]), [
      "live",
      "revoked",
    ]);
    assert.equal(await redis.client.exists("revgate:grace"), 1);
    const newcomer = await openStoreOn(t, redis.port);
    await until(() => newcomer.replica.up);
    await assert.rejects(newcomer.denylist.ask(unknown));
  });

  it("is no loss to a sidecar that starts at a new one, nor to the next; to one that shared its entries it is", async (t) => {
    const redis = await startRedis(t);
    const [told, dataDir] = [[] as string[], temporaryDirectory(t)];
    const open = (more: TestStoreOptions = {}) =>
      openReady(t, redis.port, {
        ...more,
        denylist: {
          onLoss: (_, why) => told.push(`loss: ${why}`),
          onBeginning: (_, why) => told.push(`beginning: ${why}`),
          onTrouble: (source, why) => source === "follow" && why && told.push(why),
        },
      });
    const first = await open({ dataDir });
    assert.ok(told.includes("beginning: it is empty, or new"), told.join());
    await first.denylist.revoke([entryFor("shared")]);
    const second = await open();
    assert.doesNotMatch(told.join(), /loss|has lost/);

    await Promise.all([first.denylist.close(), second.denylist.close()]);
    told.length = 0;
    await redis.client.flushall();
    await open({ dataDir });
    assert.ok(told.includes("loss: it is empty, or new"), told.join());
  });

  it("makes no fresh sidecar ask while twenty thousand entries are written back", async (t) => {
    const redis = await startRedis(t);
    const patient = {
      redis: { stalenessMs: 2000, graceMs: 60_000, commandTimeoutMs: 20_000 },
      denylist: { maxStalenessMs: 2000 },
    };
    const first = await openReady(t, redis.port, { redis: { ...patient.redis, graceMs: 300 } });
    await first.denylist.close();
    await fillRedis(redis, 20_000, Math.ceil(nowSeconds()) + 100_000);
    const sidecars = await Promise.all([0, 1].map(() => openReady(t, redis.port, patient)));
    for (const sidecar of sidecars) await untilFresh(sidecar);
    await redis.client.flushall();
    const flushedMs = performance.now();
    const isSettled = async () => {
      // Known to be complete all the time; on a busy machine its proof may be late for a moment.
      for (const { denylist } of sidecars) assert.ok(Number.isFinite(denylist.stalenessSeconds));
      return (await redis.client.exists("revgate:epoch", "revgate:grace")) === 1;
    };
    await until(isSettled);
    for (const i of [0, 9999, 19_999]) {
      assert.equal(await redis.client.exists(`revgate:tok:${filledName(i)}`), 1);
    }
    // Everybody has confirmed: nobody has to wait for the end of the grace period.
    assert.ok(performance.now() - flushedMs < 50_000);
    const newcomer = await openReady(t, redis.port, patient);
    assert.equal(newcomer.denylist.lookUp({ id: filledName(19_999) }), "revoked");
  });

  it("tells by its feed alone what was written back to an empty store, also who was not fresh", async (t) => {
    const redis = await startRedis(t);
    const relay = await startRelay(t, redis.port);
    const a = await openReady(t, redis.port);
    const b = await openReady(t, relay.port, { redis: { commandTimeoutMs: 20_000 } });
    const known = many("known", 300);
    await a.denylist.revoke(known);
    await untilFresh(b);
    relay.stall();
    // Released, and unknown to B, when all of it is lost.
    const missed = many("missed", 300);
    await a.denylist.revoke(missed);
    const loads = async () => {
      const stats = await redis.client.info("commandstats");
      return Number(/cmdstat_scan:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await loads();
    await redis.client.flushall();
    relay.heal();
    await neverLive(b, missed.at(-1) ?? entryFor(""));
    await untilFresh(b);
    for (const entry of [...known, ...missed]) {
      assert.equal(b.denylist.lookUp(tokenOf(entry)), "revoked");
    }
    assert.equal(await loads(), before);
  });

  for (const [reads, event] of [
    ["local", "restart"],
    ["every-request", "restart"],
    ["every-request", "flushall"],
  ] as const) {
    it(`keeps whoever must ask from being ready for a grace period (${reads}, ${event})`, async (t) => {
      const redis = await startRedis(t);
      let epochs = 0;
      const { denylist, replica } = await openReady(t, redis.port, {
        redis: { graceMs: 1000 },
        denylist: {
          reads,
          onEpoch: () => {
            epochs += 1;
          },
        },
      });
      // Somebody who confirms nothing is waited for, as far as this one has heard of him.
      await replica.epochs.beat("silent", { leaves: false, died: [], sawOlder: false });
      const before = epochs;
      if (event === "flushall") await redis.client.flushall();
      else {
        await redis.kill();
        await redis.start();
      }
      await until(() => epochs > before);
      const refused = await denylist.ask(tokenOf(entryFor("nobody"))).then(
        () => false,
        () => true,
      );
      // It may have ended before the answer; if it has not, the answer is none.
      const isOver = (await redis.client.exists("revgate:grace")) === 0;
      assert.ok(refused || isOver);
      await until(() => denylist.health().ready);
      assert.equal(await redis.client.exists("revgate:grace"), 0);
    });
  }

  it("means a load for whoever was fresh, where another server has taken its place", async (t) => {
    const redis = await startRedis(t);
    let look = () => {};
    const store = await openReady(t, redis.port, {
      redis: { stalenessMs: 2000, graceMs: 4000 },
      denylist: { onEpoch: () => look() },
    });
    await untilFresh(store);
    const standings: string[] = [];
    look = () => void standings.push(store.denylist.lookUp(tokenOf(entryFor("nobody"))));
    await redis.kill();
    await redis.start();
    await until(() => standings.length > 0);
    // The old one might still be there, and somebody might have released a revocation by its word.
    assert.equal(standings[0], "ask");
  });

  it("is noticed when it restarts from an old snapshot, with its feed gone backwards", async (t) => {
    const redis = await startRedis(t);
    const a = await openReady(t, redis.port);
    const b = await openReady(t, redis.port, { redis: { graceMs: 1000 } });
    await a.denylist.revoke([entryFor("before")]);
    await redis.client.save();
    await a.denylist.revoke([entryFor("after")]);
    await neverLive(b, entryFor("after"));
    await redis.kill();
    await redis.start();
    for (const name of ["before", "after"]) {
      assert.equal(b.denylist.lookUp(tokenOf(entryFor(name))), "revoked");
    }
    const newcomer = await openReady(t, redis.port);
    assert.equal(await standingOf(newcomer.denylist, entryFor("before")), "revoked");
    assert.equal(await standingOf(newcomer.denylist, entryFor("after")), "revoked");
  });

  it("keeps a revocation waiting that was acknowledged just before, and has it again", async (t) => {
    const redis = await startRedis(t);
    const a = await openReady(t, redis.port, { redis: { stalenessMs: 400, graceMs: 800 } });
    const b = await openReady(t, redis.port);
    await untilFresh(b);
    const revoked = a.denylist.revoke([entryFor("a")]);
    await until(async () => (await redis.client.exists(a.replica.keys.keyOf(entryFor("a")))) === 1);
    await redis.client.flushall();
    await revoked;
    assert.equal(await redis.client.exists(a.replica.keys.keyOf(entryFor("a"))), 1);
    assert.equal(await standingOf(b.denylist, entryFor("a")), "revoked");
  });

  it("stays in its grace period for as long as anybody writes back, and not a moment after", async (t) => {
    const redis = await startRedis(t);
    const replica = connectReplica(t, redis.port, { graceMs: 60_000 });
    await until(() => replica.up);
    const shard = replica.keys.feedShard;
    await beginEpoch(replica, shard);
    const left = () => redis.client.pttl("revgate:grace");
    await redis.client.pexpire("revgate:grace", 5000);
    await replica.put(shard, [entryFor("a")], []);
    assert.ok((await left()) <= 5000);
    await replica.put(shard, [entryFor("a")], [], { prolong: true });
    assert.ok((await left()) > 30_000);
    await redis.client.del("revgate:grace");
    await replica.put(shard, [entryFor("a")], [], { prolong: true });
    assert.equal(await left(), -2);
  });

  it("releases no revocation whose sidecar cannot see whether it is still there", async (t) => {
    const redis = await startRedis(t);
    const relay = await startRelay(t, redis.port);
    const a = await openReady(t, relay.port, { redis: { stalenessMs: 400, graceMs: 800 } });
    let released = false;
    const revoked = a.denylist.revoke([entryFor("a")]).then(() => {
      released = true;
    });
    await until(() => a.outbox.size === 0);
    relay.stall();
    await redis.client.flushall();
    // Nobody else knows of it, and the grace period passes.
    const b = await openReady(t, redis.port, { redis: { stalenessMs: 400, graceMs: 800 } });
    assert.equal(await standingOf(b.denylist, entryFor("a")), "live");
    assert.equal(released, false);
    relay.heal();
    await revoked;
    assert.equal(await standingOf(b.denylist, entryFor("a")), "revoked");
  });

  it("learns from a sidecar that comes back late what only that one knew", async (t) => {
    const redis = await startRedis(t);
    const dataDir = temporaryDirectory(t);
    const a = await openReady(t, redis.port, { dataDir });
    await a.denylist.revoke([entryFor("a")]);
    await a.denylist.close();
    await redis.client.flushall();
    const b = await openReady(t, redis.port);
    await untilFresh(b);
    assert.equal(await standingOf(b.denylist, entryFor("a")), "live");
    await openStoreOn(t, redis.port, { dataDir });
    await until(() => b.denylist.lookUp(tokenOf(entryFor("a"))) === "revoked");
  });

  it("may learn from a sidecar that only heard of it, and has restarted since", async (t) => {
    const redis = await startRedis(t);
    const dataDir = temporaryDirectory(t);
    const a = await openReady(t, redis.port);
    const b = await openReady(t, redis.port, { dataDir });
    await a.denylist.revoke([entryFor("a")]);
    await neverLive(b, entryFor("a"));
    await a.denylist.close();
    await b.denylist.close();
    await redis.client.flushall();
    await openStoreOn(t, redis.port, { dataDir });
    const c = await openReady(t, redis.port);
    assert.equal(await standingOf(c.denylist, entryFor("a")), "revoked");
  });

  it("is not believed while it may evict keys", async (t) => {
    const redis = await startRedis(t, ["--maxmemory-policy", "allkeys-lru"]);
    const troubles: (string | undefined)[] = [];
    const onTrouble = (reason: string | undefined) => void troubles.push(reason);
    const refusing = await openStoreOn(t, redis.port, { denylist: { onTrouble } });
    const trusting = await openReady(t, redis.port, { denylist: { allowEviction: true } });
    assert.equal(await standingOf(trusting.denylist, entryFor("a")), "live");
    await until(() => troubles.length > 0 && refusing.replica.up);
    assert.match(
      refusing.denylist.health().reason ?? "",
      /maxmemory-policy is allkeys-lru; set it/,
    );
    assert.equal(refusing.denylist.health().ready, false);
    await assert.rejects(standingOf(refusing.denylist, entryFor("a")));
  });
});

describe("the outbox", () => {
  it("is no substitute for the disk: what only Redis has is pending", async (t) => {
    const redis = await startRedis(t);
    const { denylist, replica } = await openReady(t, redis.port);
    const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const mend = await breakFiles(t, ["write"], full, (file) => file.isFile());
    await assert.rejects(denylist.revoke([entryFor("a")]), { code: "revocation_pending" });
    assert.equal(await redis.client.exists(replica.keys.keyOf(entryFor("a"))), 1);
    mend();
    await denylist.revoke([entryFor("a")]);
  });

  it("sends what Redis has not acknowledged in order, across restarts, and nothing else", async (t) => {
    const redis = await startRedis(t);
    const dataDir = temporaryDirectory(t);
    const first = await openReady(t, redis.port, { dataDir });
    await first.denylist.revoke([entryFor("acknowledged")]);
    await redis.kill();
    const pending = many("pending", 50);
    for (const entry of pending) {
      await assert.rejects(first.denylist.revoke([entry]), { code: "revocation_pending" });
    }
    await first.denylist.close();
    const second = await openStoreOn(t, redis.port, { dataDir });
    assert.deepEqual(second.outbox.first(100), pending);
    await redis.start();
    await until(() => second.outbox.size === 0);
    const feed = await redis.client.xrange("revgate:feed", "-", "+");
    const words = feed.map(([, [, line = ""]]) => line.split(" "));
    const sent = words.filter(([kind]) => kind === "tok").map(([, value]) => value);
    // One that is asked for anew while it is on its way is sent once more.
    const inOrder = [...new Set(sent)].filter((value) => value !== entryFor("acknowledged").value);
    assert.deepEqual(
      inOrder,
      pending.map(({ value }) => value),
    );
    await second.denylist.close();

    // All is acknowledged: the next start sends nothing.
    const length = await redis.client.xlen("revgate:feed");
    const third = await openReady(t, redis.port, { dataDir });
    assert.equal(third.outbox.size, 0);
    await third.denylist.revoke([entryFor("one more")]);
    assert.equal(await redis.client.xlen("revgate:feed"), length + 1);
  });

  it("keeps the later of two cut-offs when two sidecars revoke at once", async (t) => {
    const redis = await startRedis(t);
    const [a, b] = [await openReady(t, redis.port), await openReady(t, redis.port)];
    const cutoffs = Array.from({ length: 40 }, (_, i) => cutoffFor("alice", 1000 + ((i * 7) % 40)));
    await Promise.all(cutoffs.map((cutoff, i) => (i % 2 === 0 ? a : b).denylist.revoke([cutoff])));
    const newcomer = await openReady(t, redis.port, { denylist: { reads: "every-request" } });
    for (const { denylist } of [a, b, newcomer]) {
      assert.equal(await standingOf(denylist, cutoffFor("alice", 0), 1039), "revoked");
      assert.equal(await standingOf(denylist, cutoffFor("alice", 0), 1040), "live");
    }
    assert.match(
      (await redis.client.get(a.replica.keys.keyOf(cutoffFor("alice", 0)))) ?? "",
      / 1039$/,
    );
    // What Redis itself makes of it, whatever the table knows.
    const { replica } = newcomer;
    assert.equal(await replica.ask(tokenOf(cutoffFor("alice", 0), 1039)), "revoked");
    assert.equal(await replica.ask(tokenOf(cutoffFor("alice", 0), 1040)), "live");
  });

  it("keeps a key for as long as its entry, though the clock of its writer is ahead", async (t) => {
    const redis = await startRedis(t);
    const clock = { nowSeconds: () => systemClock.nowSeconds() + 7200 };
    const ahead = await openReady(t, redis.port, { redis: { clock } });
    const ofADay = entryFor("a day", 86_400);
    await ahead.denylist.revoke([ofADay]);
    const key = ahead.replica.keys.keyOf(ofADay);
    assert.ok((await redis.client.ttl(key)) > ofADay.expiresAt - systemClock.nowSeconds());
    // It is there already.
    await redis.client.expire(key, 100);
    await ahead.denylist.revoke([{ ...ofADay, expiresAt: ofADay.expiresAt + 100 }]);
    assert.ok((await redis.client.ttl(key)) > ofADay.expiresAt - systemClock.nowSeconds());
  });

  it("keeps the later of two expiries, whoever comes last", async (t) => {
    const redis = await startRedis(t);
    const [a, b] = [await openReady(t, redis.port), await openReady(t, redis.port)];
    const long = entryFor("a", 2000);
    await a.denylist.revoke([long]);
    await b.denylist.revoke([entryFor("a", 1000)]);
    const key = a.replica.keys.keyOf(long);
    assert.equal(await redis.client.get(key), String(long.expiresAt));
    assert.ok((await redis.client.ttl(key)) > 1500);
  });

  it("brings a later cut-off back although Redis has an earlier one by now", async (t) => {
    const redis = await startRedis(t);
    const dataDir = temporaryDirectory(t);
    const a = await openReady(t, redis.port, { dataDir });
    await a.denylist.revoke([cutoffFor("alice", 2000)]);
    await a.denylist.close();
    await redis.client.flushall();
    const b = await openReady(t, redis.port);
    await b.denylist.revoke([cutoffFor("alice", 1000)]);
    assert.equal(await standingOf(b.denylist, cutoffFor("alice", 0), 1500), "live");
    await openStoreOn(t, redis.port, { dataDir });
    await until(() => b.denylist.lookUp(tokenOf(cutoffFor("alice", 0), 1500)) === "revoked");
    assert.equal(await b.replica.ask(tokenOf(cutoffFor("alice", 0), 2000)), "revoked");
  });
});
