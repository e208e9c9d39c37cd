import type { TestContext } from "node:test";
import { startRedis, type TestRedis } from "../../helpers/redis.ts";
import type { SteppingClock } from "../../helpers/stepping-clock.ts";
import type { Random } from "../random.ts";

/** The stores that a run can be had on. */
export const topologies = ["embedded", "single", "service", "sentinel", "cluster"] as const;
/** One of them. */
export type Topology = (typeof topologies)[number];

/** A Redis whose clock can be stepped. */
export interface ChaosServer extends TestRedis {
  readonly clock: SteppingClock;
}

/** A fault that only one kind of store can suffer. */
export interface OwnFault {
  readonly name: string;
  readonly strike: (random: Random) => Promise<void>;
}

/** What the sidecars share, and how it can be broken. */
export interface ChaosStore {
  readonly kind: Topology;
  /** The settings of the group `denylist` besides `dataDir`. */
  readonly settings: string;
  /** Where sidecars connect to; what a cut network cuts. */
  readonly ports: readonly number[];
  /** The servers that may be hit at present. */
  readonly servers: () => readonly ChaosServer[];
  readonly faults: readonly OwnFault[];
  /** Resolves when a server that was away is part of the whole again. */
  whole(): Promise<void>;
}

/** What all stores in Redis are configured with: a feed so short that it does not make up for keys. */
export const times = "staleness: 150ms, grace: 3s, commandTimeout: 500ms, feedLines: 100";

/** Starts servers that let a test reload them and step their clocks. */
export function steppingServers(makeClock: () => SteppingClock) {
  const servers: ChaosServer[] = [];
  const start = async (t: Pick<TestContext, "after">, more: readonly string[] = []) => {
    const clock = makeClock();
    const server = await startRedis(t, ["--enable-debug-command", "local", ...more], clock.env);
    const stepping = { ...server, clock };
    servers.push(stepping);
    return stepping;
  };
  return { start, servers: () => servers };
}
