import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { untilReady, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { type BuiltGate, startBuiltGate } from "../helpers/program.ts";
import type { TestRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";
import { redisCpuUs } from "./followers.ts";
import { cpuOf } from "./processes.ts";

/** What a measurement cleans up by. */
export type Ending = { after(cleanup: () => unknown): void };

/** Until sidecars read the feed as if no request came (decision 0052). */
export const untilIdleMs = 9000;

/** An application that answers everything; resolves to its address. */
export async function startUpstream(t: Ending): Promise<string> {
  const application = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
  t.after(() => application.close());
  return `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
}

/** A sidecar at that Redis, as it is shipped; ready when it resolves. */
export async function addSidecar(
  t: Ending,
  redisUrl: string,
  { upstream, more = "" }: { readonly upstream: string; readonly more?: string },
): Promise<BuiltGate> {
  const directory = temporaryDirectory(t);
  const store = `denylist: { dataDir: data, redis: { url: "${redisUrl}"${more} } }`;
  await writeConfig(directory, `log: { requests: none }\n${store}`, upstream);
  const gate = await startBuiltGate(t, `${directory}/revgate.yaml`);
  await untilReady(gate);
  return gate;
}

/** How many entries a sidecar holds. */
export async function entriesOf({ adminUrl }: Pick<BuiltGate, "adminUrl">): Promise<number> {
  const { text } = await send(`${adminUrl}/metrics`);
  return Number(/^revgate_denylist_entries (\d+)$/m.exec(text)?.[1]);
}

/** Resolves when a sidecar holds so many entries, and is ready. */
export async function untilLoaded(gate: BuiltGate, count: number): Promise<void> {
  await until(async () => (await entriesOf(gate)) >= count);
  await untilReady(gate);
}

/** CPU of Redis a second, and of each of its sidecars, while these have nothing to do; in milliseconds. */
export async function measureIdle(
  redis: TestRedis,
  gates: readonly BuiltGate[],
  { settleMs, idleSeconds: seconds }: { readonly settleMs: number; readonly idleSeconds: number },
) {
  await sleep(settleMs);
  const own = () => gates.reduce((sum, { child }) => sum + cpuOf(child.pid ?? 0), 0);
  const [before, ownBefore] = [await redisCpuUs(redis), own()];
  await sleep(seconds * 1000);
  return {
    redis: ((await redisCpuUs(redis)) - before) / 1000 / seconds,
    own: (own() - ownBefore) / 1000 / seconds / gates.length,
  };
}
