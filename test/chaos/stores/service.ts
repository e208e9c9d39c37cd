import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startRelay } from "../../helpers/relay.ts";
import type { SteppingClock } from "../../helpers/stepping-clock.ts";
import { until } from "../../helpers/until.ts";
import type { Random } from "../random.ts";
import { type ChaosServer, type ChaosStore, steppingServers, times } from "./store.ts";

/** Two servers behind one address, as behind a Service of Kubernetes: new connections go to the primary. */
export async function startServiceStore(
  t: Pick<TestContext, "after">,
  makeClock: () => SteppingClock,
): Promise<ChaosStore> {
  const { start } = steppingServers(makeClock);
  let [primary, replica] = [await start(t), await start(t)];
  const relay = await startRelay(t, primary.port);
  await follow(replica, primary);

  /**
   * The address moves on to the promoted replica. Most connections stay where they are, until the old one
   * ends; some break, and are made anew.
   */
  async function moveOn(random: Random): Promise<void> {
    await isFollowing(replica);
    await replica.client.replicaof("NO", "ONE");
    relay.leadTo(replica.port);
    [primary, replica] = [replica, primary];
    relay.breakSome(() => random.between(0, 5) === 0);
    await sleep(random.between(0, 2500));
    await replica.kill();
    await replica.start();
    await follow(replica, primary);
  }

  return {
    kind: "service",
    settings: `redis: { url: "redis://127.0.0.1:${relay.port}", ${times} }`,
    ports: [relay.port],
    servers: () => [primary],
    faults: [{ name: "address moves on", strike: moveOn }],
    whole: () => isFollowing(replica),
  };
}

async function follow(replica: ChaosServer, primary: ChaosServer): Promise<void> {
  await replica.client.replicaof("127.0.0.1", primary.port);
  await isFollowing(replica);
}

function isFollowing({ client }: ChaosServer): Promise<void> {
  return until(async () => (await client.info("replication")).includes("master_link_status:up"));
}
