import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { formatBeginning } from "../../src/denylist/beginning.ts";
import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { entryFor, many, standingOf, tokenOf } from "../contract/denylist-suite.ts";
import { startRedis } from "../helpers/redis.ts";
import {
  openReady,
  openStoreOn,
  type TestStore,
  type TestStoreOptions,
  untilFresh,
} from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";

/** A sidecar that knows some entries has stopped, and another one lives. */
async function stopOne(t: TestContext) {
  const redis = await startRedis(t);
  const other = await openReady(t, redis.port);
  const dataDir = temporaryDirectory(t);
  const open = (more: TestStoreOptions = {}) => openStoreOn(t, redis.port, { dataDir, ...more });
  const one = await open();
  await untilFresh(one);
  await other.denylist.revoke(many("theirs", 20));
  await one.denylist.revoke(many("own", 20));
  await until(() => one.denylist.lookUp(tokenOf(entryFor("theirs0"))) === "revoked");
  await one.denylist.close();
  const file = join(dataDir, "read-position");
  assert.ok(existsSync(file), "no position was kept");
  await redis.client.config("RESETSTAT");
  /** How often the list of keys was asked for since. */
  const scanned = async () => {
    const stats = await redis.client.info("commandstats");
    return Number(/^cmdstat_scan:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  };
  /** Starts it again; resolves once it answers by memory. */
  const start = async () => {
    const again = await open();
    await untilFresh(again);
    return { again, scans: await scanned() };
  };
  return { redis, other, dataDir, file, open, scanned, start };
}

async function assertRevoked({ denylist }: TestStore, names: readonly string[]): Promise<void> {
  for (const name of names) {
    for (const entry of many(name, 20)) assert.equal(await standingOf(denylist, entry), "revoked");
  }
}

describe("a sidecar that was stopped and starts again with its data", () => {
  it("loads nothing that it has, and hears of what came meanwhile", async (t) => {
    const { other, file, start, scanned } = await stopOne(t);
    await other.denylist.revoke(many("meanwhile", 20));
    const { again, scans } = await start();
    assert.equal(scans, 0);
    await assertRevoked(again, ["theirs", "own", "meanwhile"]);
    // What was noted holds for the journal of that moment alone.
    assert.ok(!existsSync(file));
    // Once: what is missed later is loaded.
    again.denylist.reload();
    await until(() => again.denylist.lookUp({ id: "-".repeat(43) }) === "ask");
    await untilFresh(again);
    assert.ok((await scanned()) > 0);
  });

  it("has the links and the beginnings of sessions that it had, its own and those of others", async (t) => {
    const redis = await startRedis(t);
    const other = await openReady(t, redis.port);
    const dataDir = temporaryDirectory(t);
    const one = await openStoreOn(t, redis.port, { dataDir });
    await untilFresh(one);
    const subject = entryFor("alice").value;
    const begin = (session: string, begunMs: number) => {
      const { value, expiresAt } = entryFor(session);
      const beginning = formatBeginning({ subject, begunMs });
      return [
        { kind: "ses", value, beginning, expiresAt },
        { kind: "lnk", value: entryFor(`token of ${session}`).value, session: value, expiresAt },
      ] as const;
    };
    const names = async ({ denylist }: TestStore) =>
      (await denylist.sessionsOf([subject])).map(({ name }) => name).sort();
    const sessions = ["first", "second", "third"];
    const wanted = sessions.map((session) => entryFor(session).value).sort();
    await other.denylist.revoke(begin("first", 1000));
    await one.denylist.revoke(begin("second", 2000));
    await untilFresh(one);
    await one.denylist.close();
    assert.ok(existsSync(join(dataDir, "read-position")));
    await other.denylist.revoke(begin("third", 3000));
    const again = await openStoreOn(t, redis.port, { dataDir });
    await untilFresh(again);
    assert.deepEqual(await names(again), wanted);
    assert.deepEqual(await names(other), wanted);
    for (const session of sessions) {
      const id = entryFor(`token of ${session}`).value;
      assert.equal(again.denylist.knownSession({ id }), entryFor(session).value);
    }
  });

  it("notes nothing if it stops before it has loaded everything", async (t) => {
    const { redis, dataDir, file, open } = await stopOne(t);
    rmSync(file);
    const one = await open({ denylist: { noticeMs: 60_000 } });
    await until(() => one.denylist.health().ready);
    // Compared with the store by then: no sidecar is waited for any more.
    await until(async () => (await redis.client.exists("revgate:grace")) === 0);
    await one.denylist.close();
    assert.ok(existsSync(join(dataDir, "journal")));
    assert.ok(!existsSync(file));
  });

  it("loads everything if its journal has changed since, and tells the others of it", async (t) => {
    const { other, dataDir, start } = await stopOne(t);
    const local = await openEmbeddedDenylist({
      ...{ dataDir, clock: systemClock, onUnknownOutcome: "revoke" },
    });
    await local.revoke([entryFor("alone")]);
    await local.close();
    const { again, scans } = await start();
    assert.ok(scans > 0);
    await assertRevoked(again, ["theirs", "own"]);
    await until(() => other.denylist.lookUp(tokenOf(entryFor("alone"))) === "revoked");
  });

  it("loads everything if the feed does not go back to where it had read to", async (t) => {
    const { redis, other, start } = await stopOne(t);
    await other.denylist.revoke(many("meanwhile", 20));
    await redis.client.xtrim("revgate:feed", "MAXLEN", 1);
    const { again, scans } = await start();
    assert.ok(scans > 0);
    await assertRevoked(again, ["theirs", "own", "meanwhile"]);
  });

  it("loads everything if what it noted is damaged", async (t) => {
    const { file, start } = await stopOne(t);
    const text = readFileSync(file, "latin1");
    writeFileSync(file, `${text.slice(0, -2)}${text.at(-2) === "1" ? "2" : "1"}\n`);
    const { again, scans } = await start();
    assert.ok(scans > 0);
    await assertRevoked(again, ["theirs", "own"]);
  });

  it("writes back what it knows if the store was emptied meanwhile", async (t) => {
    const { redis, other, start } = await stopOne(t);
    await other.denylist.close();
    await redis.client.flushall();
    const { again } = await start();
    await assertRevoked(again, ["theirs", "own"]);
    const names = [...many("theirs", 20), ...many("own", 20)];
    const there = () => redis.client.exists(names.map(({ value }) => `revgate:tok:${value}`));
    await until(async () => (await there()) === 40);
  });

  it("notices if the store went back to before it had stopped, although nothing else tells", async (t) => {
    const { redis, other, start } = await stopOne(t);
    // By now no sidecar is there that knows better.
    await other.denylist.close();
    const epoch = await redis.client.get("revgate:epoch");
    const [last] = await redis.client.xrevrange("revgate:feed", "+", "-", "COUNT", 1);
    await redis.client.xdel("revgate:feed", last?.[0] ?? "");
    const lost = many("own", 20).map(({ value }) => `revgate:tok:${value}`);
    await redis.client.del(lost);
    const { again } = await start();
    await until(async () => (await redis.client.exists(lost)) === 20);
    assert.notEqual(await redis.client.get("revgate:epoch"), epoch);
    await assertRevoked(again, ["theirs", "own"]);
  });

  it("sends what Redis had not acknowledged, whatever it noted", async (t) => {
    const { redis, open, start } = await stopOne(t);
    const one = await open({ denylist: { holdTimeoutMs: 100 } });
    await untilFresh(one);
    await redis.kill();
    await assert.rejects(one.denylist.revoke([entryFor("pending")]));
    await one.denylist.close();
    await redis.start();
    const { again } = await start();
    await assertRevoked(again, ["theirs", "own"]);
    assert.equal(await standingOf(again.denylist, entryFor("pending")), "revoked");
    await until(
      async () => (await redis.client.exists(`revgate:tok:${entryFor("pending").value}`)) === 1,
    );
  });
});
