import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { aclRules, redisCommands } from "../../src/denylist/redis/commands.ts";
import type { RedisReplicaOptions } from "../../src/denylist/redis/replica.ts";
import { entryFor, many, standingOf, tokenOf } from "../contract/denylist-suite.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { startCluster, startSentinel } from "../helpers/redis-topologies.ts";
import { openStoreOn, type TestStoreOptions } from "../helpers/store.ts";
import { until } from "../helpers/until.ts";

type Ways = readonly (keyof typeof redisCommands)[];

const user = { username: "revgate", password: "secret" } as const;

/** Makes the user that the documents make, with these commands. */
async function makeUser({ client }: TestRedis, rules: readonly string[]): Promise<void> {
  const access = ["on", ">secret", "resetkeys", "~revgate:*", "resetchannels", "-@all"];
  await client.call("ACL", "SETUSER", "revgate", ...access, ...rules);
}

/** What was refused to the user, by the servers' own record. */
async function refusedTo(servers: readonly TestRedis[]): Promise<string[]> {
  const logs = await Promise.all(servers.map(({ client }) => client.call("ACL", "LOG")));
  const entries = logs.flat() as string[][];
  return entries.map((fields) => `${fields[5]} ${fields[7]}`);
}

/** Every path of the store: look-up, revocation, load, restore, roster, confirmation, leave. */
async function walkAll(
  t: TestContext,
  port: number,
  redis: Partial<RedisReplicaOptions>,
  lose: () => Promise<unknown>,
) {
  const options: TestStoreOptions = { redis: { ...user, ...redis }, ownSeconds: 3600 };
  const a = await openStoreOn(t, port, options);
  await until(() => a.denylist.health().ready);
  const entries = many("walked", 300);
  await a.denylist.revoke(entries);
  // A key that is there already.
  await a.denylist.revoke(entries.slice(0, 1));
  const b = await openStoreOn(t, port, options);
  await until(() => b.denylist.health().ready);
  assert.equal(await b.replica.ask(tokenOf(entryFor("walked0"))), "revoked");
  await until(() => b.denylist.lookUp(tokenOf(entryFor("nobody"))) === "live");
  await until(() => a.denylist.lookUp(tokenOf(entryFor("nobody"))) === "live");
  // Whoever begins the next epoch knows by then who there is.
  const walked = performance.now();
  await until(() => performance.now() - walked > 500);
  await lose();
  await until(() =>
    b.denylist.revoke([entryFor("again")]).then(
      () => true,
      () => false,
    ),
  );
  const c = await openStoreOn(t, port, options);
  await until(() => c.denylist.health().ready);
  await until(() => c.denylist.lookUp(tokenOf(entryFor("nobody"))) === "live");
  for (const entry of entries) assert.equal(await standingOf(c.denylist, entry), "revoked");
  await a.replica.epochs.beat("other", { leaves: false, died: ["dead"], sawOlder: true });
  assert.match(await c.replica.exchangeLives("", ""), /^\d+ \d+:3600$/);
  for (const { denylist } of [a, b, c]) await denylist.close();
}

/** What the user did, by the servers' own count: without what tests do themselves. */
async function usedOn(servers: readonly TestRedis[]): Promise<Set<string>> {
  const used = new Set<string>();
  for (const { client } of servers) {
    const stats = await client.info("commandstats");
    for (const [, command = ""] of stats.matchAll(/cmdstat_([^:]+):calls=/g)) {
      used.add(command.startsWith("client|") ? "client" : command);
    }
  }
  return used;
}

/** Commands that servers and tests send of themselves. */
const notOurs = [
  ...["auth", "hello", "config|resetstat", "config|set", "acl|setuser", "acl|log", "flushall"],
  ...["psync", "replconf", "replicaof", "publish", "subscribe", "command", "ping"],
  ...["cluster|addslotsrange", "cluster|set-config-epoch", "cluster|meet", "quit"],
];

async function allowedAndUsed(
  t: TestContext,
  servers: readonly TestRedis[],
  ways: Ways,
  walk: () => Promise<void>,
) {
  for (const server of servers) {
    await makeUser(server, aclRules(ways));
    await server.client.config("RESETSTAT");
  }
  await walk();
  t.diagnostic(`${(await usedOn(servers)).size} commands`);
  assert.deepEqual(await refusedTo(servers), [], "one command too few");
  const used = await usedOn(servers);
  for (const command of notOurs) used.delete(command);
  const listed = new Set<string>(ways.flatMap((way) => redisCommands[way]));
  assert.deepEqual(
    [...listed].filter((command) => !used.has(command)),
    [],
    "one command too many",
  );
  assert.deepEqual(
    [...used].filter((command) => !listed.has(command)),
    [],
    "one that is not listed",
  );
}

describe("the commands that the documents allow", () => {
  it("are those that revgate uses on one server", async (t) => {
    const redis = await startRedis(t);
    const address = { host: "127.0.0.1", port: redis.port };
    const topology = { kind: "single", address, database: 1 } as const;
    await allowedAndUsed(t, [redis], ["always", "single", "steady", "database"], () =>
      walkAll(t, redis.port, { topology }, () => redis.client.flushall()),
    );
  });

  it("are those that revgate uses behind sentinels, with replicas to wait for", async (t) => {
    const { servers, topology } = await startSentinel(t);
    for (const server of servers) await server.client.config("SET", "masteruser", "default");
    const [primary, replica] = servers;
    await makeUser(replica, aclRules());
    await allowedAndUsed(t, [primary], ["always", "single", "waitReplicas"], () =>
      walkAll(t, 0, { topology, waitReplicas: 1 }, () => primary.client.flushall()),
    );
  });

  it("are those that revgate uses in a Cluster", async (t) => {
    const { nodes, topology } = await startCluster(t);
    await allowedAndUsed(t, nodes, ["always", "cluster"], () =>
      walkAll(t, 0, { topology }, () => nodes[1]?.client.flushall() ?? Promise.reject()),
    );
  });
});

describe("a command that the user may not use", () => {
  for (const [command, source] of [
    ["mget", "ask"],
    ["xadd", "follow"],
    ["xrange", "follow"],
    ["hgetall", "follow"],
    ["scan", "load"],
    ["evalsha", "follow"],
  ] as const) {
    it(`is named where ${command} is lacking, and nobody is ready`, async (t) => {
      const redis = await startRedis(t);
      const filled = await openStoreOn(t, redis.port);
      await until(() => filled.denylist.health().ready);
      await filled.denylist.revoke([entryFor("a")]);
      await filled.denylist.close();
      if (command === "xadd") await redis.client.del("revgate:epoch");
      await makeUser(redis, [...aclRules(), `-${command}`]);
      const told: string[] = [];
      const onTrouble = (from: string, reason?: string) => void told.push(`${from}: ${reason}`);
      const store = await openStoreOn(t, redis.port, { redis: user, denylist: { onTrouble } });
      const isTold = (text: string) => new RegExp(`may not use "?${command}`).test(text);
      await until(() => isTold(store.denylist.health().reason ?? ""));
      assert.equal(store.denylist.health().ready, false);
      assert.ok(
        told.some((text) => text.startsWith(source) && isTold(text)),
        told.join("\n"),
      );
    });
  }

  it("costs no more than it saved where it only made readings cheaper, and is named", async (t) => {
    const redis = await startRedis(t);
    await makeUser(redis, [...aclRules(), "-multi"]);
    const refused: (string | undefined)[] = [];
    const onRefused = (reason?: string) => void refused.push(reason);
    const store = await openStoreOn(t, redis.port, { redis: { ...user, onRefused } });
    await until(() => refused.length > 0);
    assert.match(refused[0] ?? "", /may not use multi; docs.redis.md lists/);
    await until(() => store.denylist.health().ready);
    await until(() => store.denylist.lookUp(tokenOf(entryFor("nobody"))) === "live");
    assert.equal(refused.length, 1, "once a connection");
    await makeUser(redis, aclRules());
    store.replica.reconnect();
    await until(() => refused.length > 1);
    assert.equal(refused[1], undefined);
  });
});
