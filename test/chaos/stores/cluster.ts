import type { TestContext } from "node:test";
import { startCluster } from "../../helpers/redis-topologies.ts";
import type { SteppingClock } from "../../helpers/stepping-clock.ts";
import { until } from "../../helpers/until.ts";
import type { Random } from "../random.ts";
import { type ChaosServer, type ChaosStore, steppingServers, times } from "./store.ts";

/** Three servers that share the slots. */
export async function startClusterStore(
  t: Pick<TestContext, "after">,
  makeClock: () => SteppingClock,
): Promise<ChaosStore> {
  const { start, servers } = steppingServers(makeClock);
  const { whole } = await startCluster(t, start);
  const ports = servers().map(({ port }) => port);
  const addresses = ports.map((port) => `"redis://127.0.0.1:${port}"`).join(", ");
  return {
    kind: "cluster",
    settings: `redis: { cluster: [${addresses}], ${times} }`,
    ports,
    servers,
    faults: [{ name: "slot moves", strike: (random) => moveSlot(servers(), random) }],
    whole,
  };
}

/** A slot with entries goes to another node; every other time it goes back at once. */
async function moveSlot(servers: readonly ChaosServer[], random: Random): Promise<void> {
  const [any] = servers;
  if (any === undefined) return;
  const shard = random.pick([
    ..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
  ]);
  const slot = Number(await any.client.call("CLUSTER", "KEYSLOT", `revgate:{${shard}}:`));
  const owner = await ownerOf(servers, slot);
  const other = random.pick(servers.filter((server) => server !== owner));
  await move(servers, slot, owner, other);
  if (random.between(0, 1) === 0) await move(servers, slot, await ownerOf(servers, slot), owner);
}

const agreeWithinMs = 30_000;
const moveWithinMs = 20_000;

/**
 * Who has the slot; waits until all nodes agree on it and on each other's epochs, and throws if they do not.
 *
 * A node that takes a slot makes its epoch the highest that it has heard of. If it has not heard of one yet, an older
 * message of that node takes the slot away from it again, and the nodes disagree for ever.
 */
async function ownerOf(servers: readonly ChaosServer[], slot: number): Promise<ChaosServer> {
  let owner: ChaosServer | undefined;
  let seen: unknown;
  const giveUpAtMs = performance.now() + agreeWithinMs;
  await until(async () => {
    const ports = await Promise.all(servers.map((server) => ownersPort(server, slot)));
    const epochs = await Promise.all(servers.map(epochsAt));
    seen = [ports, epochs];
    const agreed = new Set(epochs).size === 1;
    owner = agreed ? servers.find(({ port }) => ports.every((found) => found === port)) : undefined;
    return owner !== undefined || performance.now() > giveUpAtMs;
  });
  if (owner === undefined) {
    throw new Error(`nodes disagree who owns slot ${slot}: ${JSON.stringify(seen)}`);
  }
  return owner;
}

/** The epoch of each node, as one of them has heard of it. */
async function epochsAt({ client }: ChaosServer): Promise<string> {
  const lines = String(await client.call("CLUSTER", "NODES"))
    .trim()
    .split("\n");
  const epochs = lines.map((line) => line.split(" ")).map((words) => `${words[0]} ${words[6]}`);
  return epochs.sort().join("\n");
}

async function ownersPort({ client }: ChaosServer, slot: number): Promise<number | undefined> {
  type Range = [first: number, last: number, owner: [host: string, port: number]];
  const ranges = (await client.call("CLUSTER", "SLOTS")) as Range[];
  return ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1];
}

async function move(
  servers: readonly ChaosServer[],
  slot: number,
  from: ChaosServer,
  to: ChaosServer,
): Promise<void> {
  const idOf = async ({ client }: ChaosServer) => String(await client.call("CLUSTER", "MYID"));
  const [fromId, toId] = [await idOf(from), await idOf(to)];
  const set = ({ client }: ChaosServer, ...state: string[]) =>
    client.call("CLUSTER", "SETSLOT", slot, ...state);
  await set(to, "IMPORTING", fromId);
  await set(from, "MIGRATING", toId);
  const giveUpAtMs = performance.now() + moveWithinMs;
  for (;;) {
    if (performance.now() > giveUpAtMs) throw new Error(`slot ${slot} cannot be emptied`);
    const keys = (await from.client.call("CLUSTER", "GETKEYSINSLOT", slot, 20)) as string[];
    if (keys.length === 0) break;
    // What a call that failed has left on both sides is the former owner's to say.
    await from.client.call(
      "MIGRATE",
      "127.0.0.1",
      to.port,
      "",
      0,
      5000,
      "REPLACE",
      "KEYS",
      ...keys,
    );
  }
  const rest = servers.filter((server) => server !== from && server !== to);
  for (const server of [to, from, ...rest]) await set(server, "NODE", toId);
}
