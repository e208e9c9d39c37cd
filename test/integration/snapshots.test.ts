import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Entry } from "../../src/denylist/denylist.ts";
import { parseHead } from "../../src/denylist/redis/snapshot-head.ts";
import { systemClock } from "../../src/platform/clock.ts";
import {
  cutoffFor,
  entryFor,
  many,
  sparingCutoff,
  standingOf,
  tokenOf,
} from "../contract/denylist-suite.ts";
import type { TestRedis } from "../helpers/redis.ts";
import { openReady, startUsedRedis, type TestStore, untilFresh } from "../helpers/store.ts";
import { until } from "../helpers/until.ts";

const head = "revgate:snapshot";
/** Soon, and of few entries. */
const soon = { denylist: { snapshots: { everyMs: 20, minEntries: 100, minLines: 50 } } };
/** Writes none itself. */
const newcomer = { denylist: { snapshots: { everyMs: 60_000 } } };

const headOf = async ({ client }: TestRedis) => parseHead((await client.get(head)) ?? "");

/** A sidecar with entries of which there is a snapshot. */
async function openWithSnapshot(t: TestContext, entries: readonly Entry[]) {
  const redis = await startUsedRedis(t);
  const { denylist } = await openReady(t, redis.port, newcomer);
  await denylist.revoke(entries);
  await denylist.close();
  // It begins when all of it is in the feed: what comes between is in a snapshot, and added to it once more.
  const writer = await openReady(t, redis.port, soon);
  await untilFresh(writer);
  await until(async () => ((await headOf(redis))?.entries ?? 0) >= entries.length);
  return { redis, writer };
}

/** What the feed tells begins where the snapshot ends, as if much had come since the epoch began. */
async function trimFeed(redis: TestRedis): Promise<void> {
  await redis.client.xtrim("revgate:feed", "MINID", (await headOf(redis))?.tail.id ?? "0");
}

/** A load of the keys does not find them. */
async function takeKeysAway(redis: TestRedis, entries: readonly Entry[]): Promise<void> {
  await trimFeed(redis);
  await redis.client.del(...entries.map(({ kind, value }) => `revgate:${kind}:${value}`));
}

async function openFresh(t: TestContext, redis: TestRedis, more = newcomer): Promise<TestStore> {
  const store = await openReady(t, redis.port, more);
  await untilFresh(store);
  return store;
}

async function assertKnown({ denylist }: TestStore, entries: readonly Entry[]): Promise<void> {
  for (const entry of entries)
    assert.equal(denylist.lookUp(tokenOf(entry)), "revoked", entry.value);
}

describe("a snapshot of the store", () => {
  it("is what a newcomer loads, all kinds of entries with all that they say", async (t) => {
    const session = entryFor("session").value;
    const others: Entry[] = [
      cutoffFor("subject", 1000),
      sparingCutoff("spared", 2000, entryFor("kept")),
      { ...entryFor("linked"), kind: "lnk", session },
      { ...entryFor("begun"), kind: "ses", beginning: `${entryFor("whose").value} 1500000` },
      { ...entryFor("session"), kind: "sid" },
    ];
    const entries = [...many("token", 300), ...others];
    const { redis } = await openWithSnapshot(t, entries);
    await takeKeysAway(redis, entries);
    const late = await openFresh(t, redis);
    await assertKnown(late, many("token", 300));
    const { denylist } = late;
    const subject = cutoffFor("subject", 1000);
    assert.equal(await standingOf(denylist, subject, 999), "revoked");
    assert.equal(denylist.lookUp(tokenOf(subject, 1001)), "live");
    const kept = { id: entryFor("kept").value, issuedAt: 1500 };
    const { value: spared } = sparingCutoff("spared", 2000, entryFor("kept"));
    assert.equal(denylist.lookUp({ ...kept, subject: spared }), "live");
    assert.equal(
      denylist.lookUp({ ...kept, id: entryFor("other").value, subject: spared }),
      "revoked",
    );
    assert.equal(denylist.knownSession({ id: entryFor("linked").value }), session);
    assert.equal(
      denylist.knownBeginning(entryFor("begun").value),
      `${entryFor("whose").value} 1500000`,
    );
  });

  it("is added to from the feed, and what came behind that is read from there", async (t) => {
    const { redis, writer } = await openWithSnapshot(t, many("first", 200));
    const before = await headOf(redis);
    const added = many("added", 60);
    await writer.denylist.revoke(added);
    await until(async () => (await headOf(redis))?.tail.id !== before?.tail.id);
    const now = await headOf(redis);
    assert.equal(now?.id, before?.id, "not everything is written anew");
    const few = many("few", 10);
    await writer.denylist.revoke(few);
    assert.equal((await headOf(redis))?.tail.id, now?.tail.id, "few lines are not worth it");
    await takeKeysAway(redis, [...many("first", 200), ...added, ...few]);
    const late = await openFresh(t, redis);
    await assertKnown(late, [...many("first", 200), ...added, ...few]);
  });

  it("is written anew when what was added is as much as what was there", async (t) => {
    const { redis, writer } = await openWithSnapshot(t, many("first", 200));
    const before = await headOf(redis);
    await writer.denylist.close();
    const another = await openFresh(t, redis, soon);
    await another.denylist.revoke(many("second", 250));
    await until(async () => (await headOf(redis))?.firstEntries === 450);
    assert.notEqual((await headOf(redis))?.id, before?.id);
    for (let at = 0; at < (before?.parts ?? 0); at += 1) {
      assert.ok((await redis.client.ttl(`${head}:${before?.id}:${at}`)) <= 300, "soon gone");
    }
  });

  const spoilt: Record<string, (redis: TestRedis) => Promise<unknown>> = {
    "has lost a part": async (redis) => redis.client.del(`${head}:${(await headOf(redis))?.id}:0`),
    "has half of a part": async ({ client }) => {
      const key = `${head}:${parseHead((await client.get(head)) ?? "")?.id}:0`;
      const text = (await client.get(key)) ?? "";
      await client.set(key, text.split("\n").slice(0, -3).join("\n"));
    },
    "has a line that is no entry": async ({ client }) => {
      const key = `${head}:${parseHead((await client.get(head)) ?? "")?.id}:0`;
      await client.set(key, ((await client.get(key)) ?? "").replace("tok ", "tik "));
    },
    "is of another epoch": async ({ client }) => {
      const text = (await client.get(head)) ?? "";
      await client.set(head, text.replace(/^\S+/, "another"));
    },
    "goes up to a line that the feed has no more": async ({ client }) => {
      await client.xtrim("revgate:feed", "MAXLEN", 5);
    },
    "may lack what a sidecar of an older form has written": ({ client }) =>
      client.set("revgate:older", "1", "PX", 60_000),
    "has a part without bounds": async ({ client }) => {
      const key = `${head}:${parseHead((await client.get(head)) ?? "")?.id}:0`;
      await client.append(key, "x".repeat(2_000_000));
    },
    "is of another type": async ({ client }) => {
      await client.del(head);
      await client.sadd(head, "x");
    },
  };
  const partlyRead = ["has a line that is no entry", "goes up to a line that the feed has no more"];
  for (const [what, spoil] of Object.entries(spoilt)) {
    it(`counts for nothing if it ${what}: then the keys are loaded`, async (t) => {
      const { redis, writer } = await openWithSnapshot(t, many("first", 200));
      await writer.denylist.close();
      const last = await openFresh(t, redis);
      await last.denylist.revoke(many("last", 20));
      await last.denylist.close();
      await trimFeed(redis);
      await spoil(redis);
      const gone = entryFor("first100");
      const rest = many("first", 200).filter(({ value }) => value !== gone.value);
      await redis.client.del(`revgate:tok:${gone.value}`);
      const late = await openFresh(t, redis);
      await assertKnown(late, [...rest, ...many("last", 20)]);
      // What a snapshot says is taken over as far as it was read.
      if (partlyRead.includes(what)) return;
      assert.equal(late.denylist.lookUp({ id: gone.value }), "live", "the keys were read");
    });
  }

  it("and what came since are all there is, while others revoke and the feed is trimmed", async (t) => {
    const redis = await startUsedRedis(t);
    const short = {
      redis: { feedLines: 100 },
      denylist: { snapshots: { ...soon.denylist.snapshots, minLines: 10 } },
    };
    const writer = await openReady(t, redis.port, short);
    const released: Entry[] = [];
    const addSome = async (what: string) => {
      const entries = many(what, 40);
      await writer.denylist.revoke(entries);
      released.push(...entries);
    };
    for (let i = 0; i < 10; i += 1) await addSome(`first${i}-`);
    await until(async () => (await headOf(redis)) !== undefined);
    let isOver = false;
    const revoking = (async () => {
      for (let i = 0; !isOver; i += 1) await addSome(`more${i}-`);
    })();
    for (let i = 0; i < 6; i += 1) {
      const before = [...released];
      const late = await openFresh(t, redis);
      await assertKnown(late, before);
      await late.denylist.close();
    }
    isOver = true;
    await revoking;
    assert.ok((await redis.client.xlen("revgate:feed")) < released.length, "nothing was trimmed");
  });

  for (const [what, isRightAgain] of [
    ["is ahead", false],
    ["was ahead when it loaded", true],
  ] as const) {
    it(`counts for nothing if its writer's clock ${what}: then the keys are loaded`, async (t) => {
      const redis = await startUsedRedis(t);
      let bySeconds = 7200;
      const ahead = { nowSeconds: () => systemClock.nowSeconds() + bySeconds };
      const other = await openReady(t, redis.port, newcomer);
      const inAnHour = entryFor("soon", 3600);
      const inADay = many("first", 200).map(({ value }) => ({ ...entryFor("", 86_400), value }));
      await other.denylist.revoke([inAnHour]);
      await other.denylist.close();
      const writer = await openReady(t, redis.port, {
        local: { clock: ahead },
        denylist: { ...soon.denylist, clock: ahead },
      });
      await untilFresh(writer);
      if (isRightAgain) bySeconds = 0;
      await writer.denylist.revoke(inADay);
      await until(async () => ((await headOf(redis))?.entries ?? 0) >= 200);
      assert.equal(
        writer.denylist.lookUp(tokenOf(inAnHour)) === "revoked",
        false,
        "it knows of it",
      );
      await trimFeed(redis);
      await assertKnown(await openFresh(t, redis), [inAnHour, ...inADay]);
    });
  }

  it("is written by one of several sidecars", async (t) => {
    const { redis } = await openWithSnapshot(t, many("first", 200));
    const id = (await headOf(redis))?.id;
    const others = [await openFresh(t, redis, soon), await openFresh(t, redis, soon)];
    await others[0]?.denylist.revoke(many("second", 60));
    await until(async () => ((await headOf(redis))?.entries ?? 0) >= 260);
    assert.equal((await headOf(redis))?.id, id);
  });
});
