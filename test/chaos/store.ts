import type { TestContext } from "node:test";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { startCluster, startSentinel } from "../helpers/redis-topologies.ts";

/** The stores that a run can be had on. */
export const topologies = ["embedded", "single", "sentinel", "cluster"] as const;
/** One of them. */
export type Topology = (typeof topologies)[number];

/** What the sidecars share, and how it can be broken. */
export interface ChaosStore {
  /** The settings of the group `denylist` besides `dataDir`. */
  readonly settings: string;
  readonly ports: readonly number[];
  readonly servers: readonly TestRedis[];
  /** Whether the sidecars know nothing of each other while a server is away. */
  readonly isOne: boolean;
  readonly failOver?: () => Promise<void>;
  /** Resolves when a server that was away is part of the whole again. */
  whole(): Promise<void>;
}

const times = "staleness: 150ms, grace: 3s, commandTimeout: 500ms";

/** Starts the real thing. */
export async function startStore(
  t: Pick<TestContext, "after">,
  topology: Topology,
): Promise<ChaosStore> {
  const nothing = async () => {};
  switch (topology) {
    case "embedded":
      // What cannot be known is kept: so that only what was written counts.
      return {
        settings: "onUnknownOutcome: keep",
        ports: [],
        servers: [],
        isOne: false,
        whole: nothing,
      };
    case "single": {
      const redis = await startRedis(t);
      const settings = `redis: { url: "${redis.url}", ${times} }`;
      return { settings, ports: [redis.port], servers: [redis], isOne: true, whole: nothing };
    }
    case "sentinel": {
      const { servers, sentinelPort, failOver } = await startSentinel(t);
      const address = `{ primary: revgate, nodes: ["redis://127.0.0.1:${sentinelPort}"] }`;
      return {
        settings: `redis: { sentinels: ${address}, ${times} }`,
        ports: [...servers.map(({ port }) => port), sentinelPort],
        servers,
        isOne: false,
        failOver,
        whole: nothing,
      };
    }
    case "cluster": {
      const { nodes, whole } = await startCluster(t);
      const ports = nodes.map(({ port }) => port);
      const addresses = ports.map((port) => `"redis://127.0.0.1:${port}"`).join(", ");
      const settings = `redis: { cluster: [${addresses}], ${times} }`;
      return { settings, ports, servers: nodes, isOne: false, whole };
    }
  }
}
