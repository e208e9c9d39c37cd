import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import type { Denylist, Entry } from "../../src/denylist/denylist.ts";
import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import { systemClock } from "../../src/platform/clock.ts";
import {
  cutoffFor,
  entryFor,
  nowSeconds,
  standingOf,
  tokenOf,
} from "../contract/denylist-suite.ts";
import { breakFiles } from "../helpers/broken-disk.ts";
import { startRedis } from "../helpers/redis.ts";
import { startRelay } from "../helpers/relay.ts";
import { openStoreOn } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";

/** A directory in which a process has died between a request that revokes and the record of it. */
async function crashWith(
  t: TestContext,
  entry: Entry,
  dataDir = temporaryDirectory(t),
): Promise<string> {
  const embedded = await openEmbeddedDenylist({
    dataDir,
    clock: systemClock,
    onUnknownOutcome: "revoke",
  });
  await embedded.intend([entry]);
  await embedded.close();
  return dataDir;
}

async function listed(denylist: Denylist): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of denylist.entries()) entries.push(entry);
  return entries;
}

describe("revocations recovered after a crash", () => {
  it("are in force at the other sidecars before this one lets anybody through", async (t) => {
    const redis = await startRedis(t);
    const { denylist: other } = await openStoreOn(t, redis.port);
    await until(() => other.lookUp(tokenOf(entryFor("x"))) === "live");

    const dataDir = await crashWith(t, entryFor("lost"));
    const relay = await startRelay(t, redis.port);
    relay.cut();
    const { denylist } = await openStoreOn(t, relay.port, { dataDir });
    assert.deepEqual(denylist.health().ready, false);
    await assert.rejects(standingOf(denylist, entryFor("x")), { code: "store_unavailable" });
    relay.heal();
    await until(() => denylist.lookUp(tokenOf(entryFor("x"))) === "live");
    assert.equal(other.lookUp(tokenOf(entryFor("lost"))), "revoked");
    assert.equal(await standingOf(denylist, entryFor("lost")), "revoked");
    assert.deepEqual(denylist.health(), { ready: true, reason: undefined });
  });

  it("let nobody through while Redis can be read and has no room for them", async (t) => {
    const redis = await startRedis(t);
    const { denylist: other } = await openStoreOn(t, redis.port);
    await until(() => other.lookUp(tokenOf(entryFor("x"))) === "live");
    await redis.client.config("SET", "maxmemory", "1");
    const dataDir = await crashWith(t, entryFor("lost"));
    const { denylist } = await openStoreOn(t, redis.port, { dataDir });
    // All that Redis has was loaded.
    await until(() => denylist.stalenessSeconds < 1);
    assert.equal(other.lookUp(tokenOf(entryFor("lost"))) === "revoked", false);
    assert.equal(denylist.lookUp(tokenOf(entryFor("x"))), "ask");
    await assert.rejects(denylist.ask(tokenOf(entryFor("x"))), /not in force at every sidecar yet/);
    await redis.client.config("SET", "maxmemory", "0");
    await until(() => denylist.lookUp(tokenOf(entryFor("x"))) === "live");
    assert.equal(other.lookUp(tokenOf(entryFor("lost"))), "revoked");
  });

  it("reach Redis even if the journal is compacted and the process dies before they are sent", async (t) => {
    const redis = await startRedis(t);
    const dataDir = temporaryDirectory(t);
    const first = await openStoreOn(t, redis.port, { dataDir });
    await until(() => first.denylist.health().ready);
    await first.denylist.revoke([entryFor("before")]);
    // From here on it is in writing that Redis has everything that this sidecar has.
    await until(() => readFileSync(`${dataDir}/journal`, "utf8").includes(" acked "));
    await first.denylist.close();
    await crashWith(t, entryFor("lost"), dataDir);
    const relay = await startRelay(t, redis.port);
    relay.cut();
    const { local } = await openStoreOn(t, relay.port, { dataDir });
    await local.journal.compact();
    // It dies here: nothing of it has reached Redis.
    const { denylist } = await openStoreOn(t, redis.port, { dataDir });
    await until(() => denylist.lookUp(tokenOf(entryFor("x"))) === "live");
    assert.equal(await redis.client.exists(`revgate:tok:${entryFor("lost").value}`), 1);
  });

  it("last as much longer as their cut-off is later", async (t) => {
    const now = Math.floor(nowSeconds());
    const intended = { ...cutoffFor("alice", now - 500), expiresAt: now + 100 };
    const dataDir = await crashWith(t, intended);
    const denylist = await openEmbeddedDenylist({
      dataDir,
      clock: systemClock,
      onUnknownOutcome: "revoke",
    });
    t.after(() => denylist.close());
    const [entry] = await listed(denylist);
    assert.ok(entry?.cutoff !== undefined && entry.cutoff >= now);
    assert.equal(entry.expiresAt - entry.cutoff, intended.expiresAt - (now - 500));
  });

  it("are in force and reported when the disk is full at the start, and written when there is room", async (t) => {
    const dataDir = await crashWith(t, entryFor("lost"));
    const noSpace = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const mend = await breakFiles(t, ["write"], noSpace);
    const denylist = await openEmbeddedDenylist({
      dataDir,
      clock: systemClock,
      onUnknownOutcome: "revoke",
    });
    t.after(() => denylist.close());
    assert.equal(denylist.lookUp(tokenOf(entryFor("lost"))), "revoked");
    assert.match(denylist.health().reason ?? "", /no space left on device/);
    mend();
    await until(() => denylist.health().ready);
    assert.deepEqual(await listed(denylist), [entryFor("lost")]);
  });
});
