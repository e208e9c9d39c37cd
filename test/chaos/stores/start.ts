import type { TestContext } from "node:test";
import { startSentinel } from "../../helpers/redis-topologies.ts";
import type { SteppingClock } from "../../helpers/stepping-clock.ts";
import { startClusterStore } from "./cluster.ts";
import { startServiceStore } from "./service.ts";
import { type ChaosStore, steppingServers, type Topology, times } from "./store.ts";

type After = Pick<TestContext, "after">;
type Starter = (t: After, makeClock: () => SteppingClock) => Promise<ChaosStore>;

const nothing = async () => {};

const starters: Record<Topology, Starter> = {
  embedded: async () => ({
    kind: "embedded",
    settings: "onUnknownOutcome: keep",
    ports: [],
    servers: () => [],
    faults: [],
    whole: nothing,
  }),
  async single(t, makeClock) {
    const { start, servers } = steppingServers(makeClock);
    const { url, port } = await start(t);
    const settings = `redis: { url: "${url}", ${times} }`;
    return { kind: "single", settings, ports: [port], servers, faults: [], whole: nothing };
  },
  service: startServiceStore,
  async sentinel(t, makeClock) {
    const { start, servers } = steppingServers(makeClock);
    const { sentinelPort, failOver } = await startSentinel(t, start);
    const address = `{ primary: revgate, nodes: ["redis://127.0.0.1:${sentinelPort}"] }`;
    return {
      kind: "sentinel",
      settings: `redis: { sentinels: ${address}, ${times} }`,
      ports: [...servers().map(({ port }) => port), sentinelPort],
      servers,
      faults: [{ name: "failover", strike: failOver }],
      whole: nothing,
    };
  },
  cluster: startClusterStore,
};

/** Starts the real thing. */
export function startStore(
  t: After,
  topology: Topology,
  makeClock: () => SteppingClock,
): Promise<ChaosStore> {
  return starters[topology](t, makeClock);
}
