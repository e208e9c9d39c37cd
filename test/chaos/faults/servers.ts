import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../random.ts";
import type { ChaosServer } from "../stores/store.ts";
import { type Fault, type FaultsOptions, onServer } from "./fault.ts";

const stalenessMs = 150;
const stepSeconds = 4 * 60 * 60;

/** The faults of any Redis. */
export function listServerFaults(options: FaultsOptions): Fault[] {
  return [...absences(options), ...losses(options)];
}

/** While the only server that anybody is led to does not answer, nobody can know. */
async function blindly(options: FaultsOptions, work: () => Promise<void>): Promise<void> {
  const fromMs = performance.now() + stalenessMs;
  await work();
  const toMs = performance.now();
  if (options.store.kind !== "single" && options.store.kind !== "service") return;
  for (const sidecar of options.sidecars.keys()) options.onBlind({ sidecar, fromMs, toMs });
}

function absences(options: FaultsOptions): Fault[] {
  const { random, store } = options;
  return [
    onServer(options, "redis killed", async (server) => {
      await server.kill();
      await blindly(options, () => sleep(random.between(50, 1200)));
      await server.start();
      await store.whole();
    }),
    onServer(options, "redis paused", async (server) => {
      server.signal("SIGSTOP");
      // Shorter than it takes the sentinel to give the server up.
      await blindly(options, () => sleep(random.between(50, 800)));
      server.signal("SIGCONT");
      await store.whole();
    }),
  ];
}

/** A server that goes on, without some or all of what it had. */
function losses(options: FaultsOptions): Fault[] {
  const { random } = options;
  const step = (name: string, seconds: number) =>
    onServer(options, name, async (server) => {
      server.clock.setOff(seconds);
      await sleep(random.between(50, 2500));
      server.clock.setOff(0);
    });
  return [
    // A replica refuses.
    onServer(options, "redis flushed", ({ client }) => attempt(client.flushall())),
    onServer(options, "redis evicts", (server) => evict(server, random)),
    onServer(options, "redis reloads", ({ client }) => attempt(client.call("DEBUG", "RELOAD"))),
    onServer(options, "redis goes back", (server) =>
      goBack(server, random.between(100, 2000), options.onRollback),
    ),
    step("redis clock ahead", stepSeconds),
    step("redis clock behind", -stepSeconds),
  ];
}

async function attempt(work: Promise<unknown>): Promise<void> {
  await work.catch(() => {});
}

/** Somebody changes the policy, memory runs short for a while, and somebody changes it back. */
async function evict({ client }: ChaosServer, random: Random): Promise<void> {
  const set = (policy: string, bytes: number) =>
    attempt(client.config("SET", "maxmemory-policy", policy, "maxmemory", bytes));
  const used = Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1] ?? 0);
  const policy = random.pick(["allkeys-random", "volatile-random", "volatile-ttl"]);
  await set(policy, used - random.between(1, 20) * 1000);
  await sleep(random.between(50, 1500));
  await set("noeviction", 0);
}

/** As a machine that is set back to its snapshot: the data of a while ago, and the same process. */
async function goBack(
  { client, directory }: ChaosServer,
  lengthMs: number,
  onRollback: FaultsOptions["onRollback"],
): Promise<void> {
  const savedMs = performance.now();
  await attempt(client.save());
  await sleep(lengthMs);
  const fromMs = performance.now();
  await attempt(client.call("DEBUG", "RELOAD", "NOSAVE"));
  onRollback({ savedMs, fromMs, toMs: performance.now() });
  rmSync(join(directory, "dump.rdb"), { force: true });
}
