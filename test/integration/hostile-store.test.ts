import assert from "node:assert/strict";
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { crc32 } from "node:zlib";
import type { CutoffAhead } from "../../src/denylist/cutoffs-ahead.ts";
import type { Entry, Standing } from "../../src/denylist/denylist.ts";
import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import type { Ignored } from "../../src/denylist/ignored.ts";
import { readJournal } from "../../src/denylist/journal/reader.ts";
import { systemClock } from "../../src/platform/clock.ts";
import {
  cutoffFor,
  entryFor,
  many,
  nowSeconds,
  standingOf,
  tokenOf,
} from "../contract/denylist-suite.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { openStoreOn, type TestStoreOptions, untilFresh } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";

/** One sidecar, with all that it did not believe. */
async function openSidecar(t: TestContext, { port }: TestRedis, options: TestStoreOptions = {}) {
  const dataDir = options.dataDir ?? temporaryDirectory(t);
  const found: Ignored[] = [];
  const onIgnored = (what: Ignored) => void found.push(what);
  const store = await openStoreOn(t, port, {
    ...options,
    dataDir,
    redis: { ...options.redis, onIgnored },
    local: { onIgnored },
  });
  await until(() => store.denylist.health().ready);
  return { ...store, dataDir, found };
}

type Sidecar = Awaited<ReturnType<typeof openSidecar>>;

/** Reads a sidecar's journal as its next start would. */
async function readBack({ dataDir, local }: Sidecar): Promise<number> {
  // Everything that was noted is on disk behind it.
  await local.journal.append([entryFor("last")]);
  const { records, torn } = await readJournal(join(dataDir, "journal"), ({ verb }) =>
    assert.notEqual(verb, "ignored"),
  );
  assert.equal(torn, false);
  return records;
}

/** What memory says, once it answers: on a busy machine a sidecar is not fresh for a moment. */
async function answerOf(lookUp: () => Standing): Promise<Standing> {
  let answer = lookUp();
  await until(() => {
    answer = lookUp();
    return answer !== "ask";
  });
  return answer;
}

const hash = entryFor("victim").value;
const nothingElse = { leaves: false, died: [], sawOlder: false } as const;
const soon = Math.ceil(nowSeconds()) + 1000;

describe("lines of the feed that no revgate has written", () => {
  const lines = [
    `tok ${hash} 1e21`,
    `tok ${hash} 99999999999999999999999`,
    `tok ${hash.slice(2)}\nx ${soon}`,
    `tok ${hash} ${soon}\n00000000 settled 1`,
    `sub ${hash} ${soon} 1e21`,
    `lost x\ny`,
    `lost ${"z".repeat(5000)}`,
    `é${hash} ${soon}`,
    "",
  ];

  it("reach no journal, are counted, and the sidecar starts again", async (t) => {
    const redis = await startRedis(t);
    const [a, b] = [await openSidecar(t, redis), await openSidecar(t, redis)];
    for (const line of lines) await redis.client.xadd("revgate:feed", "*", "line", line);
    await redis.client.xadd("revgate:feed", "*", "other", `tok ${hash} ${soon}`);
    // Of the one shard that there is, a sidecar may say so: at worst something is written back.
    await redis.client.xadd("revgate:feed", "*", "line", "lost");
    await b.denylist.revoke([entryFor("a")]);
    for (const each of [a, b]) {
      // By its own reading of the feed: behind all those lines.
      await until(() => each.denylist.lookUp(tokenOf(entryFor("a"))) === "revoked");
      assert.equal(await standingOf(each.denylist, entryFor("victim")), "live");
      // The one that revoked knew it before it had read so far.
      const ignored = () => each.found.filter(({ source }) => source === "feed").length;
      await until(() => ignored() >= lines.length + 1);
      assert.equal(ignored(), lines.length + 1);
      assert.ok((await readBack(each)) > 0);
    }
    await a.denylist.close();
    const again = await openSidecar(t, redis, { dataDir: a.dataDir });
    assert.equal(again.denylist.lookUp(tokenOf(entryFor("a"))), "revoked");
    // A shard that there is not was not made.
    assert.deepEqual(await redis.client.keys("*x*epoch"), []);
  });
});

describe("lines of the feed that are longer than any of revgate's", () => {
  const many = (text: string) => ["line", "many abcdefgh", "more", text];
  const long: Record<string, string[]> = {
    "of line feeds": many(`-${"\n".repeat(4_000_000)}`),
    "of more entries than a sidecar sends": many(`-${`\ntok ${hash} ${soon}`.repeat(2000)}`),
    "of plain text": ["line", "x".repeat(4_000_000)],
    "of many fields": Array.from({ length: 50_000 }, (_, index) => String(index % 2)),
  };

  it("are told, cost nobody anything, and what comes behind them is taken over", async (t) => {
    const redis = await startRedis(t);
    const [a, b] = [await openSidecar(t, redis), await openSidecar(t, redis)];
    const { heapUsed } = process.memoryUsage();
    for (const [what, fields] of Object.entries(long)) {
      t.diagnostic(what);
      b.found.length = 0;
      await redis.client.xadd("revgate:feed", "*", ...fields);
      await until(() => b.found.some(({ source }) => source === "feed"));
      await untilFresh(b);
      await a.denylist.revoke([entryFor(what)]);
      await until(() => b.denylist.lookUp(tokenOf(entryFor(what))) === "revoked");
    }
    await until(() => process.memoryUsage().heapUsed < heapUsed + 100_000_000);
    // The last line of all, to one that starts.
    await redis.client.xadd("revgate:feed", "*", "line", "x".repeat(4_000_000));
    const newcomer = await openSidecar(t, redis);
    assert.equal(newcomer.denylist.lookUp(tokenOf(entryFor("of many fields"))), "revoked");
  });
});

describe("an epoch that no revgate has written", () => {
  const server = (epoch: string) => epoch.split(" ").slice(3).join(" ");
  const forgeries: Record<string, (epoch: string) => string | Buffer> = {
    "a staleness that no setting allows": (epoch) => epoch.replace(/ \d+ /, " 999999999 "),
    "an id with a line break": (epoch) => `a\nb 100 0-1 ${server(epoch)}`,
    "a position that is none": (epoch) => `forged 100 18446744073709551616-0 ${server(epoch)}`,
    "bytes that are no text": () => Buffer.from([0xff, 0x00, 0x80, 0x0a]),
    "an endless text": () => "x".repeat(1_000_000),
  };

  it("is not believed, and replaced", async (t) => {
    const redis = await startRedis(t);
    const a = await openSidecar(t, redis);
    await untilFresh(a);
    const { client } = redis;
    for (const [what, forge] of Object.entries(forgeries)) {
      t.diagnostic(what);
      const before = (await client.get("revgate:epoch")) ?? "";
      a.found.length = 0;
      await client.set("revgate:epoch", forge(before));
      await until(() => a.found.some(({ source }) => source === "epoch"));
      await until(async () =>
        /^\S+ 100 [\d-]+ \w+ \w+$/.test((await client.get("revgate:epoch")) ?? ""),
      );
    }
    // One that holds no text at all.
    await client.del("revgate:epoch");
    await client.lpush("revgate:epoch", "x").catch(() => {});
    await a.denylist.revoke([entryFor("a")]);
    assert.equal(await client.type("revgate:epoch"), "string");
    // Started from nothing but what stands there.
    const b = await openSidecar(t, redis);
    await untilFresh(b);
    assert.ok(b.denylist.stalenessSeconds < 10);
    assert.equal(b.denylist.lookUp(tokenOf(entryFor("a"))), "revoked");
    await readBack(a);
  });

  it("is named while what follows it settles", async (t) => {
    const redis = await startRedis(t);
    await redis.client.set(
      "revgate:epoch",
      `forged 999999999 0-1 ${"a".repeat(40)} ${"b".repeat(40)}`,
    );
    const reasons: (string | undefined)[] = [];
    await openSidecar(t, redis, {
      denylist: { onTrouble: (_, reason) => void reasons.push(reason) },
    });
    assert.match(
      reasons.join("\n"),
      /not believed: the epoch: its staleness is not from 20 to 2000/,
    );
  });

  it("is named where its grace period has no end", async (t) => {
    const redis = await startRedis(t);
    const a = await openSidecar(t, redis);
    await redis.client.set("revgate:grace", "x");
    await until(() => a.found.some(({ cause }) => /grace period/.test(cause)));
  });
});

describe("a cut-off in the future", () => {
  it("is in force, since a clock may have been ahead, and is told; with the runbook's steps it goes", async (t) => {
    const redis = await startRedis(t);
    const ahead: CutoffAhead[] = [];
    const onCutoffAhead = (what: CutoffAhead) => void ahead.push(what);
    const a = await openSidecar(t, redis, { denylist: { onCutoffAhead, apartSeconds: () => 10 } });
    // As far ahead as the clocks of two sidecars may be apart, one is made every day.
    const own = [cutoffFor("bob", Math.floor(nowSeconds()) + 5), entryFor("a")];
    await a.denylist.revoke(own);
    const { value } = cutoffFor("alice", 1);
    await redis.client.xadd(
      "revgate:feed",
      "*",
      "line",
      `sub ${value} ${soon} ${soon}`,
      "more",
      "-",
    );
    const later = () => tokenOf(cutoffFor("alice", 1), nowSeconds() + 60);
    await until(() => a.denylist.lookUp(later()) === "revoked");
    assert.deepEqual(
      ahead.map(({ entry }) => entry.value),
      [value],
    );
    assert.ok((ahead[0]?.seconds ?? 0) > 600);

    await a.denylist.close();
    await redis.client.del(`revgate:sub:${value}`, "revgate:feed");
    const again = await openSidecar(t, redis);
    await untilFresh(again);
    assert.equal(await answerOf(() => again.denylist.lookUp(later())), "live");
    for (const entry of own) assert.equal(again.denylist.lookUp(tokenOf(entry)), "revoked");
  });
});

describe("values of entries that no revgate has written", () => {
  /** A third word, numbers that end no line or are spelled otherwise, a line break, nothing. */
  const values = [`${soon} 1 x`, "9".repeat(400), "1e21", `${soon}\n${soon}`, ""];

  it("leave what is revoked revoked, and are replaced", async (t) => {
    const redis = await startRedis(t);
    const a = await openSidecar(t, redis);
    const cutoff = Math.floor(nowSeconds()) - 10;
    const pairs = values.map((value, i) => ({
      value,
      entries: [entryFor(`a${i}`), cutoffFor(`alice${i}`, cutoff)] as const,
    }));
    const all = pairs.flatMap(({ entries }) => entries);
    await a.denylist.revoke(all);
    const keyOf = (entry: Entry) => a.replica.keys.keyOf(entry);
    for (const { value, entries } of pairs) {
      for (const entry of entries) await redis.client.set(keyOf(entry), value);
    }

    const newcomer = await openSidecar(t, redis);
    await untilFresh(newcomer);
    for (const { value, entries } of pairs) {
      const [token, subject] = entries;
      const { lookUp } = newcomer.denylist;
      assert.equal(lookUp(tokenOf(token)), "revoked", value);
      assert.equal(lookUp(tokenOf(subject, nowSeconds() - 5)), "revoked", value);
      const later = () => lookUp(tokenOf(subject, nowSeconds() + 60));
      assert.equal(await answerOf(later), "live", value);
      assert.equal(await newcomer.replica.ask(tokenOf(token)), "revoked", value);
    }
    assert.ok(newcomer.found.filter(({ source }) => source === "entry").length >= all.length);
    await readBack(newcomer);

    await a.denylist.revoke(all);
    for (const entry of all) {
      assert.match((await redis.client.get(keyOf(entry))) ?? "", /^\d{10}(?: \d{10})?$/);
    }
  });

  it("hide nothing that is read with them: not even by a line feed, in a key or a value", async (t) => {
    const redis = await startRedis(t);
    const a = await openSidecar(t, redis);
    const entries = many("listed", 20);
    // Without lines in the feed, which would tell them as well.
    await a.replica.put(a.replica.keys.feedShard, entries, []);
    const spoil = [
      () => redis.client.set("revgate:tok:a\nb", soon),
      () => redis.client.set(a.replica.keys.keyOf(entryFor("spoilt")), `${soon}\n${soon}`),
    ];
    for (const each of spoil) {
      await each();
      const newcomer = await openSidecar(t, redis);
      await untilFresh(newcomer);
      for (const entry of entries) {
        assert.equal(newcomer.denylist.lookUp(tokenOf(entry)), "revoked");
      }
    }
  });

  it("are not handed over by the megabyte, nor are keys", async (t) => {
    const redis = await startRedis(t);
    const a = await openSidecar(t, redis);
    await a.denylist.revoke([entryFor("huge")]);
    const endless = "1".repeat(4_000_000);
    await redis.client.set(a.replica.keys.keyOf(entryFor("huge")), endless);
    await redis.client.set(`revgate:tok:${endless}`, soon);
    const sent = async () =>
      Number(/total_net_output_bytes:(\d+)/.exec(await redis.client.info("stats"))?.[1]);

    const before = await sent();
    const newcomer = await openSidecar(t, redis);
    await untilFresh(newcomer);
    assert.equal(newcomer.denylist.lookUp(tokenOf(entryFor("huge"))), "revoked");
    assert.equal(await newcomer.replica.ask(tokenOf(entryFor("huge"))), "revoked");
    assert.ok(newcomer.found.some(({ source }) => source === "entry"));
    const bytes = (await sent()) - before;
    assert.ok(bytes < 10_000_000, `${bytes} bytes`);
  });

  it("do not keep a token from being revoked, whatever its key holds", async (t) => {
    const redis = await startRedis(t);
    const { denylist, replica } = await openSidecar(t, redis);
    const keys = ["list", "ever", "late", "cut"].map((what) => replica.keys.keyOf(entryFor(what)));
    const [list = "", ever = "", late = "", cut = ""] = keys;
    await redis.client.lpush(list, "x");
    await redis.client.set(ever, soon);
    // Compared with no cut-off, this one would end the script.
    await redis.client.set(cut, `${soon} 1`);
    await redis.client.set(late, soon, "EX", 9_000_000_000);
    await denylist.revoke(["list", "ever", "late", "cut"].map((what) => entryFor(what)));
    for (const key of keys) assert.match((await redis.client.get(key)) ?? "", /^\d{10}$/);
  });
});

describe("sidecars that no revgate has written", () => {
  const key = "revgate:sidecars";

  it("are taken away where there are more than there can be, and nobody is waited for", async (t) => {
    const redis = await startRedis(t);
    const fields = Array.from({ length: 25_000 }, (_, i) => [`stranger${i}`, "1"]).flat();
    await redis.client.hset(key, ...fields);
    const a = await openSidecar(t, redis);
    await until(() => a.found.some(({ source }) => source === "sidecars"));
    await until(async () => (await redis.client.hlen(key)) === 1);
    const { older } = await a.replica.epochs.beat("b", nothingElse);
    assert.equal(older, true);
    assert.ok((await redis.client.pttl("revgate:older")) <= 60_000);
    await a.denylist.revoke([entryFor("a")]);
  });

  it("are taken away where one is longer than any of ours, and the others are not", async (t) => {
    const redis = await startRedis(t);
    const a = await openSidecar(t, redis);
    const endless = "1".repeat(1_000_000);
    await redis.client.hset(key, endless, "1", "stranger", endless, "b", "1");
    const { counts, older } = await a.replica.epochs.beat("b", nothingElse);
    assert.equal(older, false);
    assert.equal(counts.get("b"), "2");
    assert.equal(counts.has("stranger"), false);
    await until(() => a.found.some(({ source }) => source === "sidecars"));
    assert.equal(await redis.client.hexists(key, endless), 0);
  });

  it("are forgotten together, however many have died", async (t) => {
    const redis = await startRedis(t);
    const a = await openSidecar(t, redis);
    const died = Array.from({ length: 10_000 }, (_, i) => `stranger${i}`);
    await redis.client.hset(key, ...died.flatMap((each) => [each, "1"]));
    const { counts } = await a.replica.epochs.beat("b", { ...nothingElse, died });
    assert.ok(counts.size <= 2, `${counts.size}`);
  });
});

describe("a journal with lines of another kind", () => {
  it("is read but for those, which are counted and gone with the next compaction", async (t) => {
    const dataDir = temporaryDirectory(t);
    const found: Ignored[] = [];
    const open = () =>
      openEmbeddedDenylist({
        dataDir,
        clock: systemClock,
        onUnknownOutcome: "revoke",
        onIgnored: (what) => void found.push(what),
      });
    const first = await open();
    await first.revoke([entryFor("a")]);
    await first.close();
    const path = join(dataDir, "journal");
    const lineOf = (text: string) => `${crc32(text).toString(16).padStart(8, "0")} ${text}\n`;
    const wrong = [
      `shared tok ${hash} 1e+21`,
      `shared tok short ${soon}`,
      `settled ${2 ** 60}`,
      "known a b c",
    ];
    await appendFile(path, wrong.map(lineOf).join(""));

    const second = await open();
    assert.equal(second.lookUp(tokenOf(entryFor("a"))), "revoked");
    assert.deepEqual(
      found.map(({ source }) => source),
      wrong.map(() => "journal"),
    );
    await second.revoke([entryFor("b")]);
    assert.equal((await readFile(path, "latin1")).includes("1e+21"), true);
    await second.journal.compact();
    assert.equal((await readFile(path, "latin1")).includes("1e+21"), false);
    await second.close();

    found.length = 0;
    const third = await open();
    t.after(() => third.close());
    assert.deepEqual(found, []);
    assert.equal(third.lookUp(tokenOf(entryFor("b"))), "revoked");
  });

  it("is never written: what could not be read again is refused", async (t) => {
    const found: Ignored[] = [];
    const dataDir = temporaryDirectory(t);
    const denylist = await openEmbeddedDenylist({
      dataDir,
      clock: systemClock,
      onUnknownOutcome: "revoke",
      onIgnored: (what) => void found.push(what),
    });
    t.after(() => denylist.close());
    const { journal } = denylist;
    const wrong = { ...entryFor("a"), value: "a\nb" };
    await assert.rejects(journal.append([wrong]), { code: "revocation_pending" });
    await assert.rejects(journal.intend([wrong]).durable, { code: "revocation_pending" });
    journal.keep([{ ...entryFor("a"), expiresAt: 1e21 }, entryFor("b")]);
    journal.note({ verb: "known", shard: "", epoch: "a\nb" });
    await journal.append([entryFor("c")]);
    await journal.compact();
    assert.equal(found.length >= 4, true);
    const verbs: string[] = [];
    await readJournal(join(dataDir, "journal"), ({ verb }) => void verbs.push(verb));
    assert.deepEqual(verbs.sort(), ["revoked", "shared"]);
  });
});

describe("lines of the feed that can't be taken over", () => {
  it("are read again, and not left out", async (t) => {
    const redis = await startRedis(t);
    const [a, b] = [await openSidecar(t, redis), await openSidecar(t, redis)];
    const { local } = b;
    const learn = local.learn.bind(local);
    let failures = 0;
    local.learn = (entries) => {
      if (entries.length > 0 && failures < 2) {
        failures += 1;
        throw new Error("no memory");
      }
      learn(entries);
    };
    const entry = entryFor("at last");
    await a.denylist.revoke([entry]);
    await until(() => local.lookUp(tokenOf(entry)) === "revoked");
    assert.equal(failures, 2);
  });
});

describe("entries that are over, more of them than any line of ours has", () => {
  it("do not keep a right one beside them out of the journal", async (t) => {
    const options = {
      dataDir: temporaryDirectory(t),
      clock: systemClock,
      onUnknownOutcome: "revoke",
    } as const;
    const { value } = entryFor("over");
    // More than a call has room for as arguments.
    const over = Array.from({ length: 50_000 }, (_, i): Entry => {
      return { kind: "tok", value, expiresAt: 1000 + i };
    });
    const right = entryFor("right");
    const first = await openEmbeddedDenylist(options);
    first.learn([...over, right]);
    await first.close();

    const again = await openEmbeddedDenylist(options);
    t.after(() => again.close());
    const found: Entry[] = [];
    for await (const some of again.journal.entries()) found.push(...some);
    assert.deepEqual(
      found.map((entry) => entry.value),
      [right.value],
    );
  });
});
