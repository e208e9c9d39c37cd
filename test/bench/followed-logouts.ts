import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { KeySpace } from "../../src/denylist/redis/key-space.ts";
import { steadyCommands } from "../../src/denylist/redis/steady-reading.ts";
import type { TestRedis } from "../helpers/redis.ts";
import { openReady } from "../helpers/store.ts";
import { encode, openSockets, redisCpuUs } from "./followers.ts";
import { median } from "./processes.ts";

/** How many follow, and what they hear of. */
export interface LogoutPlan {
  readonly followers: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** What logouts that all followers hear of cost Redis. */
export interface LogoutCosts {
  /** CPU of one logout for one follower, in microseconds. */
  readonly perFollowerUs: number;
  /** CPU a second of all logouts together, in seconds. */
  readonly logouts: number;
  /** The same with the readings that the followers make in any case. */
  readonly total: number;
  /** Which share of those readings was made: on a busy machine each is later, and brings more. */
  readonly share: number;
}

/** By the default staleness, while requests come. */
const readEveryMs = 50;
const ticksPerReading = 10;

/**
 * Has followers read the feed as sidecars with requests do, with the same bytes, while one sidecar has so many logouts
 * a second, and while it has none; in turns, since a machine gets faster and slower.
 */
export async function measureFollowedLogouts(
  t: { after(cleanup: () => unknown): void },
  redis: TestRedis,
  plan: LogoutPlan,
): Promise<LogoutCosts> {
  const { denylist } = await openReady(t as never, redis.port, { redis: { stalenessMs: 150 } });
  const sockets = await openSockets(redis, plan.followers);
  const costs: { extra: number; total: number; share: number }[] = [];
  for (let round = 0; round < plan.rounds; round += 1) {
    const none = await follow(redis, sockets, plan.seconds);
    const logouts = logOut(denylist, plan);
    const some = await follow(redis, sockets, plan.seconds);
    await logouts;
    // As many readings would have cost so much without a logout.
    const extra = some.cpu - (none.cpu / none.readings) * some.readings;
    const share = (some.readings * readEveryMs) / 1000 / plan.followers;
    costs.push({ extra, total: some.cpu, share });
  }
  for (const socket of sockets) socket.destroy();
  const logouts = median(costs.map(({ extra }) => extra));
  return {
    perFollowerUs: (logouts * 1e6) / plan.perSecond / plan.followers,
    logouts,
    total: median(costs.map(({ total }) => total)),
    share: median(costs.map(({ share }) => share)),
  };
}

/** Revokes tokens at an even pace; all that follows from it has happened when it resolves. */
async function logOut(
  denylist: { revoke(entries: readonly object[]): Promise<void> },
  { perSecond, seconds }: LogoutPlan,
): Promise<void> {
  const startedMs = performance.now();
  const expiresAt = Math.floor(Date.now() / 1000) + 10_000;
  const revoked: Promise<void>[] = [];
  const total = perSecond * seconds;
  while (revoked.length < total) {
    const due = Math.min(total, ((performance.now() - startedMs) / 1000) * perSecond);
    while (revoked.length < due) {
      const value = randomBytes(32).toString("base64url");
      revoked.push(denylist.revoke([{ kind: "tok", value, expiresAt }]));
    }
    await sleep(1);
  }
  await Promise.all(revoked);
}

/** Reads the feed on all sockets for some seconds, each time behind the line read last; tells of a second. */
async function follow(
  redis: TestRedis,
  sockets: readonly { write(bytes: Buffer): unknown }[],
  seconds: number,
): Promise<{ cpu: number; readings: number }> {
  const keys = new KeySpace("revgate:", { spread: false });
  const perTick = Math.ceil(sockets.length / ticksPerReading);
  const [before, startedMs] = [await redisCpuUs(redis), performance.now()];
  // What is known at a follower is what there was when it read last: a round ago.
  const known: Buffer[] = [];
  const endMs = startedMs + seconds * 1000;
  let readings = 0;
  for (let tick = 0; performance.now() < endMs; tick += 1) {
    known.push(await readingOf(redis, keys));
    const from = (tick % ticksPerReading) * perTick;
    const bytes = known[Math.max(0, tick - ticksPerReading)];
    if (bytes !== undefined) {
      const some = sockets.slice(from, from + perTick);
      for (const socket of some) socket.write(bytes);
      readings += some.length;
    }
    const dueMs = startedMs + ((tick + 1) * readEveryMs) / ticksPerReading;
    await sleep(Math.max(0, dueMs - performance.now()));
  }
  const tookMs = performance.now() - startedMs;
  const cpuUs = (await redisCpuUs(redis)) - before;
  return { cpu: cpuUs / 1000 / tookMs, readings: (readings * 1000) / tookMs };
}

/** A reading that only proves, behind the feed's last line. */
async function readingOf(redis: TestRedis, keys: KeySpace): Promise<Buffer> {
  const [last] = await redis.client.xrevrange(keys.stateKeys("")[4], "+", "-", "COUNT", 1);
  const [id = "0-1", [, text = ""] = []] = last ?? [];
  const transaction = [["multi"], ...steadyCommands(keys, { id, text }), ["exec"]];
  return Buffer.concat(transaction.map(encode));
}
