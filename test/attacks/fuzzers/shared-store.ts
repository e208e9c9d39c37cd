import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { cutoffFor, entryFor, tokenOf } from "../../contract/denylist-suite.ts";
import { fc } from "../../helpers/fast-check.ts";
import { startRedis, type TestRedis } from "../../helpers/redis.ts";
import { openStoreOn, type TestStore } from "../../helpers/store.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import { until } from "../../helpers/until.ts";
import { type Fuzzer, tryEach } from "./fuzzer.ts";
import { hostileNumbers, hostileTexts, mutationsOf } from "./hostile.ts";

const dead = [entryFor("dead"), cutoffFor("dead", Math.floor(Date.now() / 1000))];
const [hash, soon] = [dead[0]?.value ?? "", dead[0]?.expiresAt ?? 0];

const word = fc.oneof(
  fc.constantFrom(
    "tok",
    "sub",
    "lost",
    "epoch",
    "back",
    hash,
    String(soon),
    "-",
    "0-1",
    "1-1",
    "20",
  ),
  fc.constantFrom(...hostileNumbers, ...hostileTexts),
  fc.stringMatching(/^[\w-]{43}$/),
);
/** An entry in words, any of which may be wrong. */
const entryWords = fc
  .tuple(
    fc.constantFrom("tok", "sub", "jti", "sid"),
    fc.oneof(
      fc.constantFrom(...dead.map(({ value }) => value)),
      fc.constantFrom(...hostileTexts),
      fc.constantFrom("\n", "x\ny", "\r").map((wrong) => `${hash.slice(0, 40)}${wrong}`),
    ),
    fc.oneof(fc.constant(String(soon)), fc.constantFrom(...hostileNumbers, `${soon}\nx`)),
    fc.option(fc.constantFrom("1", "1e21", String(soon), "99999999999", `${soon}\n0 x`)),
  )
  .map(([kind, name, expiresAt, cutoff]) =>
    Buffer.from([kind, name, expiresAt, ...(cutoff === null ? [] : [cutoff])].join(" ")),
  );
/** What stands under the name of an entry: its expiry, and a cut-off. */
const times = fc
  .tuple(
    fc.oneof(fc.constant(String(soon)), fc.constantFrom("4294967295", ...hostileNumbers)),
    fc.option(fc.oneof(fc.constantFrom("0", "1"), fc.constantFrom(...hostileNumbers))),
  )
  .map(([expiresAt, cutoff]) => Buffer.from([expiresAt, cutoff ?? []].flat().join(" ")));
/** A right line about one of those that are dead, but for its times. */
const nearlyRight = fc
  .tuple(fc.constantFrom(...dead.map(({ kind, value }) => `${kind} ${value} `)), times)
  .map(([name, text]) => Buffer.concat([Buffer.from(name), text]));
const words = fc
  .array(word, { minLength: 1, maxLength: 6 })
  .map((all) => Buffer.from(all.join(" ")));

/** A write of somebody who shares the Redis; `which` chooses among the keys that are there. */
type Write =
  | { readonly kind: "line"; readonly fields: readonly Buffer[]; readonly which: number }
  | { readonly kind: "value"; readonly value: Buffer; readonly which: number }
  | { readonly kind: "change"; readonly bytes: (before: Buffer) => Buffer; readonly which: number }
  | { readonly kind: "type"; readonly type: "list" | "hash" | "set"; readonly which: number }
  | { readonly kind: "life"; readonly seconds: number; readonly which: number }
  /** The epoch that is there, with another staleness: whoever starts would go by it. */
  | { readonly kind: "staleness"; readonly number: string }
  | { readonly kind: "key"; readonly name: Buffer; readonly value: Buffer };

const which = fc.nat(10_000);
const anyBytes = fc.oneof(
  words,
  entryWords,
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
);
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({
    kind: fc.constant("line"),
    fields: fc.oneof(
      fc.oneof(words, entryWords, nearlyRight).map((text) => [Buffer.from("line"), text]),
      fc.array(anyBytes, { minLength: 2, maxLength: 4 }).filter(({ length }) => length % 2 === 0),
    ),
    which,
  }),
  fc.record({ kind: fc.constant("value"), value: fc.oneof(times, anyBytes), which }),
  fc.record({
    kind: fc.constant("change"),
    // The same change wherever it is tried: the value is not known before.
    bytes: fc.nat(2 ** 30).map((seed) => (before: Buffer) => {
      const [changed = before] = fc.sample(mutationsOf(fc.constant(before)), { seed, numRuns: 1 });
      return changed;
    }),
    which,
  }),
  fc.record({ kind: fc.constant("type"), type: fc.constantFrom("list", "hash", "set"), which }),
  fc.record({ kind: fc.constant("life"), seconds: fc.constantFrom(-1, 9_000_000_000), which }),
  fc.record({
    kind: fc.constant("staleness"),
    number: fc.oneof(fc.constantFrom(...hostileNumbers), fc.nat(10 ** 10).map(String)),
  }),
  fc.record({
    kind: fc.constant("key"),
    name: anyBytes.map((bytes) => Buffer.concat([Buffer.from("revgate:"), bytes])),
    value: anyBytes,
  }),
);

async function changeStaleness(client: TestRedis["client"], number: string): Promise<void> {
  const [id, , ...rest] = ((await client.get("revgate:epoch")) ?? "").split(" ");
  await client.set("revgate:epoch", [id, number, ...rest].join(" "));
}

async function carryOut({ client }: TestRedis, made: Write): Promise<void> {
  if (made.kind === "key") return void (await client.set(made.name, made.value));
  if (made.kind === "staleness") return changeStaleness(client, made.number);
  const keys = (await client.keysBuffer("revgate:*")).sort(Buffer.compare);
  const key = keys[made.which % Math.max(keys.length, 1)] ?? Buffer.from("revgate:epoch");
  switch (made.kind) {
    case "line":
      await client.xadd("revgate:feed", "*", ...made.fields);
      break;
    case "value":
      await client.set(key, made.value);
      break;
    case "change":
      await client.set(
        key,
        made.bytes((await client.getBuffer(key)) ?? Buffer.from(`tok ${hash}`)),
      );
      break;
    case "type":
      await client.del(key);
      if (made.type === "list") await client.lpush(key, "x");
      else if (made.type === "hash") await client.hset(key, "line", "x");
      else await client.sadd(key, "x");
      break;
    case "life":
      if (made.seconds < 0) await client.persist(key);
      else await client.expire(key, made.seconds);
      break;
  }
}

/** What no tenant can bring about: a token that passes although these sidecars know that it is dead. */
async function assertDead({ denylist, local }: TestStore): Promise<void> {
  for (const entry of dead) {
    const token = tokenOf(entry, entry.cutoff);
    // What it knows it goes on knowing, also while it may not answer by that alone.
    assert.equal(local.lookUp(token), "revoked");
    const standing = denylist.lookUp(token);
    if (standing === "revoked") continue;
    assert.equal(standing, "ask");
    // Refused or not answered, by whoever knows; never cleared.
    const answer = await denylist.ask(token).catch(() => "revoked");
    assert.equal(answer, "revoked");
  }
}

const writesPerRestart = 40;
/** Many graces: what a tenant wrote must not outlive it, such as a staleness of years. */
const settledWithinMs = 60_000;
/** Few, so that most of them meet a store that works. */
const writesPerRound = 20;
const short = { redis: { commandTimeoutMs: 3000, graceMs: 200, stalenessMs: 50 } };

/** One sidecar, that can be started again on what it has on disk. */
async function openSidecar(t: TestContext, { port }: TestRedis) {
  const dataDir = temporaryDirectory(t);
  /** How long each epoch that was believed would have had it trust its memory. */
  const staleness: number[] = [];
  const onEpoch = ({ stalenessMs }: { stalenessMs: number }) => void staleness.push(stalenessMs);
  const denylist = { holdTimeoutMs: 500, onEpoch };
  const open = () => openStoreOn(t, port, { ...short, dataDir, denylist });
  let store = await open();
  await until(() => store.denylist.health().ready);
  return {
    staleness,
    get store() {
      return store;
    },
    async restart() {
      await store.denylist.close();
      store = await open();
    },
  };
}

/** A tenant of the Redis writes what it likes, to any key, beside two sidecars that live. */
export const sharedStoreFuzzer: Fuzzer = {
  name: "store",
  claim: "who writes to Redis makes no dead token live, and keeps no sidecar from starting",
  short: { runs: 80, timeLimitMs: 100_000, atLeast: { writes: 60, restarts: 1 } },

  async fuzz(t, options) {
    const redis = await startRedis(t);
    const sidecars = [await openSidecar(t, redis), await openSidecar(t, redis)] as const;
    await sidecars[0].store.denylist.revoke(dead);
    await until(() =>
      dead.every((entry) => {
        const token = tokenOf(entry, entry.cutoff);
        return sidecars.every(({ store }) => store.denylist.lookUp(token) === "revoked");
      }),
    );
    const counts = { writes: 0, restarts: 0, refusedByRedis: 0 };
    const restart = async () => {
      counts.restarts += 1;
      const sidecar = sidecars[counts.restarts % 2] ?? sidecars[0];
      await sidecar.restart();
      await assertDead(sidecar.store);
    };
    /** Else all is in vain behind the first write that leaves no feed to read. */
    const beginAnew = async () => {
      await redis.client.flushall();
      const beganMs = performance.now();
      const isSettled = ({ store }: (typeof sidecars)[number]) => store.denylist.health().ready;
      await until(() => sidecars.every(isSettled) || performance.now() > beganMs + settledWithinMs);
      for (const each of sidecars) assert.ok(isSettled(each), each.store.denylist.health().reason);
    };

    await tryEach(write, options, async (made) => {
      await carryOut(redis, made).catch(() => {
        counts.refusedByRedis += 1;
      });
      counts.writes += 1;
      for (const { store, staleness } of sidecars) {
        await assertDead(store);
        for (const ms of staleness) assert.ok(ms >= 20 && ms <= 2000, `a staleness of ${ms} ms`);
        staleness.length = 0;
      }
      if (counts.writes % writesPerRestart === 0) await restart();
      if (counts.writes % writesPerRound === 0) await beginAnew();
    });
    await restart();
    // When the tenant is gone with all that it wrote, everything is as it was.
    await redis.client.flushall();
    for (const { store } of sidecars) {
      await until(() => store.denylist.health().ready);
      await assertDead(store);
    }
    await sidecars[0].store.denylist.revoke([entryFor("afterwards")]);
    return counts;
  },
};
