import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cutoffFor, entryFor, many, standingOf, tokenOf } from "../contract/denylist-suite.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { openReady } from "../helpers/store.ts";
import { until } from "../helpers/until.ts";

/** Seconds from now until the entries of this file end. */
const lifeSeconds = 1000;

/** What a sidecar of the form before this one writes into the store, command by command. */
async function writeAsBefore({ client }: TestRedis) {
  const info = (await client.info("server")) + (await client.info("replication"));
  const ids = ["run_id", "master_replid"].map(
    (name) => new RegExp(`${name}:(\\w+)`).exec(info)?.[1],
  );
  const start = await client.xadd("revgate:feed", "*", "line", "epoch EpochOfBefore123");
  await client.set("revgate:epoch", `EpochOfBefore123 150 ${start} ${ids.join(" ")}`);
  return {
    async revoke(kind: string, value: string, expiry: number, cutoff = "") {
      const text = `${expiry}${cutoff && ` ${cutoff}`}`;
      await client.set(`revgate:${kind}:${value}`, text, "EX", lifeSeconds);
      await client.xadd(
        "revgate:feed",
        "MAXLEN",
        "~",
        10_000,
        "*",
        "line",
        `${kind} ${value} ${text}`,
      );
    },
  };
}

describe("a store that a sidecar of the form before has written", () => {
  it("is read, and nothing in it is lost", async (t) => {
    const redis = await startRedis(t);
    const before = await writeAsBefore(redis);
    const token = entryFor("token");
    const subject = cutoffFor("alice", 1000);
    await before.revoke("tok", token.value, token.expiresAt);
    await before.revoke("sub", subject.value, subject.expiresAt, "1000");
    const a = await openReady(t, redis.port);
    for (const reads of ["local", "every-request"] as const) {
      const b = await openReady(t, redis.port, { denylist: { reads } });
      assert.equal(await standingOf(b.denylist, token), "revoked");
      assert.equal(await standingOf(b.denylist, subject, 1000), "revoked");
      assert.equal(await standingOf(b.denylist, subject, 1001), "live");
    }
    // What it revokes from here on comes in by its lines.
    const later = entryFor("later");
    await before.revoke("tok", later.value, later.expiresAt);
    await until(() => a.denylist.lookUp(tokenOf(later)) === "revoked");
  });

  it("is told everything in a form that a sidecar of before can read", async (t) => {
    const redis = await startRedis(t);
    await writeAsBefore(redis);
    const a = await openReady(t, redis.port);
    await a.denylist.revoke([entryFor("a"), cutoffFor("alice", 1000)]);
    // An epoch of seven words would be none to it.
    assert.match(
      (await redis.client.get("revgate:epoch")) ?? "",
      /^[\w-]+ \d+ \d+-\d+ \w{40} \w{40}$/,
    );
    const { value, expiresAt } = entryFor("a");
    assert.equal(await redis.client.get(`revgate:tok:${value}`), String(expiresAt));
    const feed = await redis.client.xrange("revgate:feed", "-", "+");
    const first = feed.map(([, [name, text]]) => `${name} ${text}`);
    assert.ok(first.includes(`line tok ${value} ${expiresAt}`));
    assert.ok(first.some((text) => /^line sub \S{43} \d+ 1000$/.test(text)));
  });

  it("is known for one by its lines, too", async (t) => {
    const redis = await startRedis(t);
    await openReady(t, redis.port);
    assert.equal(await redis.client.exists("revgate:older"), 0);
    const { value, expiresAt } = entryFor("by a sidecar of before");
    await redis.client.xadd("revgate:feed", "*", "line", `tok ${value} ${expiresAt}`);
    await until(async () => (await redis.client.exists("revgate:older")) === 1);
  });

  it("keeps the whole grace period while sidecars of before are about: they confirm nothing", async (t) => {
    const redis = await startRedis(t);
    await writeAsBefore(redis);
    const a = await openReady(t, redis.port, { redis: { graceMs: 2000 } });
    // None of them has said anything since: that nobody has beaten here gives them away.
    await until(async () => (await redis.client.exists("revgate:older")) === 1);
    const started = performance.now();
    await until(() => performance.now() - started > 500);
    const changed = performance.now();
    await redis.client.del("revgate:epoch");
    await until(async () => (await redis.client.exists("revgate:epoch")) === 1);
    // All sidecars of this form confirm within moments: without the others it would end then.
    await until(async () => (await redis.client.exists("revgate:grace")) === 0);
    assert.ok(performance.now() - changed > 1900, "ended early");
    for (const each of many("x", 1)) assert.equal(await standingOf(a.denylist, each), "live");
  });
});
