import type { TestContext } from "node:test";
import {
  type EmbeddedDenylist,
  type EmbeddedDenylistOptions,
  openEmbeddedDenylist,
} from "../../src/denylist/embedded.ts";
import { Outbox } from "../../src/denylist/journal/outbox.ts";
import { FleetLives } from "../../src/denylist/redis/fleet-lives.ts";
import { RedisReplica, type RedisReplicaOptions } from "../../src/denylist/redis/replica.ts";
import { SharedDenylist } from "../../src/denylist/shared.ts";
import type { SharedDenylistOptions } from "../../src/denylist/shared-options.ts";
import { systemClock, systemStopwatch } from "../../src/platform/clock.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import { temporaryDirectory } from "./temporary.ts";
import { until } from "./until.ts";

/** Short times, so that tests wait little; long enough for a busy machine. */
export const shortTimes = { stalenessMs: 100, graceMs: 300 } as const;

/** That of a configuration which says nothing of it. */
const defaultStalenessMs = 150;

/** The Redis side of a denylist on a server of a test's own. */
export function connectReplica(
  t: Pick<TestContext, "after">,
  port: number,
  options: Partial<RedisReplicaOptions> = {},
): RedisReplica {
  const replica = new RedisReplica({
    topology: { kind: "single", address: { host: "127.0.0.1", port }, database: 0 },
    username: undefined,
    password: undefined,
    tls: undefined,
    connectTimeoutMs: 30_000,
    commandTimeoutMs: 30_000,
    keyPrefix: "revgate:",
    ...shortTimes,
    waitReplicas: 0,
    allowEviction: false,
    feedLines: 10_000,
    clock: systemClock,
    ...options,
  });
  t.after(() => replica.close());
  return replica;
}

/** Begins a first epoch of a shard, for tests that have a replica and nobody who follows. */
export async function beginEpoch(replica: RedisReplica, shard: string, graceMs = 60_000) {
  const isThere = () => replica.look(shard).then(Boolean, () => false);
  await until(isThere);
  const { state } = await replica.look(shard);
  const now = await replica.epochs.establish(shard, state.found, { graceMs, awaited: [] });
  replica.believe(shard, now);
}

export interface TestStore {
  readonly denylist: SharedDenylist;
  readonly local: EmbeddedDenylist;
  readonly replica: RedisReplica;
  readonly outbox: Outbox;
}

export interface TestStoreOptions {
  readonly dataDir?: string;
  readonly redis?: Partial<RedisReplicaOptions>;
  readonly local?: Partial<EmbeddedDenylistOptions>;
  readonly denylist?: Partial<SharedDenylistOptions>;
  /** For how long its configuration says that revocations are remembered; without, none is agreed on. */
  readonly ownSeconds?: number;
}

/** One sidecar's denylist on a shared Redis; another data directory is another sidecar. */
export async function openStoreOn(
  t: Pick<TestContext, "after">,
  port: number,
  {
    dataDir = temporaryDirectory(t),
    redis = {},
    local: more = {},
    denylist = {},
    ownSeconds,
  }: TestStoreOptions = {},
): Promise<TestStore> {
  const outbox = new Outbox();
  const local = await openEmbeddedDenylist({
    dataDir,
    clock: systemClock,
    outbox,
    onUnknownOutcome: "revoke",
    ...more,
  });
  const replica = connectReplica(t, port, {
    ...redis,
    allowEviction: denylist.allowEviction ?? false,
  });
  const clock = systemClock;
  const agreement = { local, outbox, replica, clock, onChange: () => {} };
  const lives = ownSeconds === undefined ? undefined : new FleetLives({ ...agreement, ownSeconds });
  const shared = new SharedDenylist({
    ...{ local, outbox, replica, clock, lives },
    now: systemStopwatch,
    reads: "local",
    whenUnavailable: "deny",
    allowEviction: false,
    holdTimeoutMs: 20_000,
    graceMs: redis.graceMs ?? shortTimes.graceMs,
    maxStalenessMs: shortTimes.stalenessMs,
    noticeMs: 100,
    nameTrustMs: 20_000,
    ...denylist,
  });
  t.after(() => shared.close());
  return { denylist: shared, local, replica, outbox };
}

/** The same, as soon as it is ready. */
export async function openReady(...args: Parameters<typeof openStoreOn>): Promise<TestStore> {
  const store = await openStoreOn(...args);
  const giveUpMs = performance.now() + readyWithinMs;
  await until(() => {
    const { ready, reason } = store.denylist.health();
    if (!ready && performance.now() > giveUpMs) throw new Error(`not ready: ${reason}`);
    return ready;
  });
  return store;
}

/** Long before a test's own time-out, which could not say what was in the way. */
export const readyWithinMs = 100_000;

/**
 * Starts a redis-server of a test's own that sidecars have used before.
 *
 * The first sidecar at an empty one waits for four seconds, in case others go by what they knew of it: tests of
 * what comes afterwards wait for nothing.
 */
export async function startUsedRedis(...args: Parameters<typeof startRedis>): Promise<TestRedis> {
  const redis = await startRedis(...args);
  const first = await openReady({ after() {} }, redis.port, {
    redis: { stalenessMs: defaultStalenessMs, graceMs: 1 },
    denylist: { maxStalenessMs: 1 },
  });
  await first.denylist.close();
  return redis;
}

/** Waits until a sidecar answers from memory. */
export function untilFresh({ denylist }: Pick<TestStore, "denylist">): Promise<void> {
  const nobody = { id: "-".repeat(43) };
  return until(() => denylist.lookUp(nobody) === "live");
}
