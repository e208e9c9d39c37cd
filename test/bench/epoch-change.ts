import { setTimeout as sleep } from "node:timers/promises";
import { send } from "../helpers/http.ts";
import type { BuiltGate } from "../helpers/program.ts";
import { fillRedis, startRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { redisCpuUs } from "./followers.ts";
import { addSidecar, type Ending, untilLoaded } from "./gates.ts";

/** How many sidecars know how many entries. */
export interface EpochPlan {
  readonly sidecars: number;
  readonly entries: number;
}

/** What a change of epoch takes in which nothing is lost, in seconds. */
export interface EpochChange {
  /** From the new epoch until the store is trusted again. */
  readonly seconds: number;
  /** CPU of Redis beyond what the sidecars have it do in any case. */
  readonly cpu: number;
}

/** Has Redis be another server all at once, with all that it had, as after a failover that lost nothing. */
export async function measureEpochChange(
  t: Ending,
  upstream: string,
  { sidecars, entries }: EpochPlan,
): Promise<EpochChange> {
  const redis = await startRedis(t as never, ["--enable-debug-command", "local"]);
  const first = await addSidecar(t, redis.url, { upstream });
  await first.end("SIGTERM");
  await fillRedis(redis, entries, Math.floor(Date.now() / 1000) + 100_000);
  const gates = await Promise.all(
    Array.from({ length: sidecars }, () => addSidecar(t, redis.url, { upstream })),
  );
  for (const gate of gates) await untilLoaded(gate, entries);
  // A sidecar without requests looks less often whether the server is another one.
  const asked = gates.map((gate) => askAgainAndAgain(gate));
  // They have heard of each other.
  await sleep(5000);
  const quiet = await redisCpuUs(redis);
  await sleep(3000);
  const perMs = ((await redisCpuUs(redis)) - quiet) / 3000;
  const { client } = redis;
  const epoch = await client.get("revgate:epoch");
  const [before, startedMs] = [await redisCpuUs(redis), performance.now()];
  await client.call("DEBUG", "CHANGE-REPL-ID");
  await until(async () => (await client.get("revgate:epoch")) !== epoch);
  const begunMs = performance.now();
  await until(async () => (await client.exists("revgate:grace")) === 0);
  const endedMs = performance.now();
  const cpuUs = (await redisCpuUs(redis)) - before - (endedMs - startedMs) * perMs;
  for (const stop of asked) await stop();
  for (const gate of gates) await gate.end("SIGTERM");
  return { seconds: (endedMs - begunMs) / 1000, cpu: cpuUs / 1e6 };
}

/** Sends requests; returns what ends that. */
function askAgainAndAgain({ url }: BuiltGate): () => Promise<void> {
  const headers = { token: makeToken() };
  let over = false;
  const asking = (async () => {
    while (!over) {
      await send(`${url}/me`, { headers });
      await sleep(50);
    }
  })();
  return () => {
    over = true;
    return asking;
  };
}
