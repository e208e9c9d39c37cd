import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Redis } from "ioredis";
import type { RedisTopology } from "../../src/denylist/redis/client.ts";
import { findProgram } from "../tools/programs.ts";
import { freePort } from "./ports.ts";
import { startRedis, type TestRedis, untilSaid } from "./redis.ts";
import { temporaryDirectory } from "./temporary.ts";
import { until } from "./until.ts";

type Ending = Pick<TestContext, "after">;

/** A primary, a replica and a sentinel over both. */
export interface TestSentinel {
  readonly servers: readonly [TestRedis, TestRedis];
  readonly topology: RedisTopology;
  readonly sentinelPort: number;
  /** A client of the sentinel. */
  readonly client: Redis;
  /** Which of the two the sentinel takes for the primary now. */
  primary(): Promise<TestRedis>;
  /** Has the sentinel make the other one the primary; resolves when it has. */
  failOver(): Promise<void>;
}

/** Starts two servers, perhaps in a way of the test's own, and a real sentinel, which counts one as down after a second of silence. */
export async function startSentinel(t: Ending, startServer = startRedis): Promise<TestSentinel> {
  const first = await startServer(t, ["--repl-diskless-sync-delay", "0"]);
  const second = await startServer(t, [
    ...["--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", String(first.port)],
  ]);
  const servers = [first, second] as const;
  await until(async () => (await second.client.info("replication")).includes("link_status:up"));

  const sentinelPort = await freePort();
  const directory = temporaryDirectory(t);
  const file = join(directory, "sentinel.conf");
  const lines = [
    `port ${sentinelPort}`,
    "bind 127.0.0.1",
    `dir ${directory}`,
    `sentinel monitor revgate 127.0.0.1 ${first.port} 1`,
    "sentinel down-after-milliseconds revgate 1000",
    "sentinel failover-timeout revgate 3000",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  const program = findProgram(["redis-server", "valkey-server"]);
  const child = spawn(program, [file, "--sentinel"], { stdio: ["ignore", "pipe", "inherit"] });
  await untilSaid(child, "+monitor");
  const client = new Redis(sentinelPort, "127.0.0.1", { maxRetriesPerRequest: 20 });
  client.on("error", () => {});
  t.after(async () => {
    client.disconnect();
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  });
  await until(
    async () => ((await client.call("SENTINEL", "REPLICAS", "revgate")) as []).length > 0,
  );

  async function primary(): Promise<TestRedis> {
    const address = await client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "revgate");
    const [, port] = address as [string, string];
    return servers.find((server) => server.port === Number(port)) ?? first;
  }

  return {
    servers,
    sentinelPort,
    client,
    topology: {
      kind: "sentinel",
      primary: "revgate",
      sentinels: [{ host: "127.0.0.1", port: sentinelPort }],
      username: undefined,
      password: undefined,
      database: 0,
    },
    primary,
    async failOver() {
      const before = await primary();
      await until(async () => {
        await client.call("SENTINEL", "FAILOVER", "revgate").catch(() => {});
        return (await primary()) !== before;
      });
    },
  };
}

/** A Cluster of three primaries. */
export interface TestCluster {
  readonly nodes: readonly TestRedis[];
  readonly topology: RedisTopology;
  /** Resolves when every node finds the cluster complete. */
  whole(): Promise<void>;
}

/** Starts three servers that share the slots. */
export async function startCluster(t: Ending, startServer = startRedis): Promise<TestCluster> {
  const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1500"];
  const nodes = await Promise.all([0, 1, 2].map(() => startServer(t, settings)));
  const perNode = Math.ceil(16_384 / nodes.length);
  for (const [index, { client }] of nodes.entries()) {
    const last = Math.min((index + 1) * perNode, 16_384) - 1;
    await client.call("CLUSTER", "ADDSLOTSRANGE", index * perNode, last);
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
  }
  const [first] = nodes;
  for (const { port } of nodes) await first?.client.call("CLUSTER", "MEET", "127.0.0.1", port);
  const isWhole = async ({ client }: TestRedis) => {
    const info = String(await client.call("CLUSTER", "INFO").catch(() => ""));
    return info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3");
  };
  const whole = () => until(async () => (await Promise.all(nodes.map(isWhole))).every(Boolean));
  await whole();
  return {
    nodes,
    topology: {
      kind: "cluster",
      nodes: nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
    },
    whole,
  };
}
