import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { aclRules } from "../../src/denylist/redis/commands.ts";
import { startApplication } from "../helpers/application.ts";
import { makeAuthority, type TestAuthority, type TestPair } from "../helpers/authority.ts";
import { startGate, type TestGate, untilReady, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { withoutIpv6 } from "../helpers/ipv6.ts";
import { freePort } from "../helpers/ports.ts";
import { startBuiltGate } from "../helpers/program.ts";
import { patience, startRedis, type TestRedis } from "../helpers/redis.ts";
import { startSentinel } from "../helpers/redis-topologies.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const passwordFile = "redis-password";

/** Has a server know revgate's user by one password alone. */
async function setPassword({ client }: TestRedis, password: string, rules = allRules) {
  const user = ["revgate", "reset", "on", `>${password}`, "~revgate:*", ...rules];
  await client.call("ACL", "SETUSER", ...user);
}
const allRules = aclRules(["always", "single", "steady", "cluster"]);

/** Ends every connection of revgate's, as a restart would. */
async function disconnectAll(redis: TestRedis) {
  await redis.client.call("CLIENT", "KILL", "USER", "revgate");
}

async function startWith(t: TestContext, directory: string, redis: string): Promise<TestGate> {
  const application = await startApplication(t);
  const yaml = `denylist: { dataDir: data, redis: { username: revgate, passwordFile: ${passwordFile}, grace: 300ms, ${patience}, ${redis} } }`;
  return startGate(t, { upstream: application.url, yaml, directory });
}

const reload = ({ reload: take, directory }: TestGate) =>
  take(() => loadConfig(join(directory, "revgate.yaml"), {}));

async function readiness({ adminUrl }: TestGate): Promise<string> {
  const { status, json } = await send(`${adminUrl}/readyz`);
  return `${status} ${json["reason"] ?? ""}`;
}

async function metrics({ adminUrl }: Pick<TestGate, "adminUrl">): Promise<string> {
  return (await send(`${adminUrl}/metrics`)).text;
}

/** A logout that is in force, with Redis's word for it, as soon as there is one: it may be connecting anew. */
async function logOut({ url }: TestGate): Promise<void> {
  let headers = { token: makeToken() };
  await until(async () => {
    headers = { token: makeToken() };
    if ((await send(`${url}/me`, { headers })).status !== 200) return false;
    const { status } = await send(`${url}/logout`, { method: "POST", headers });
    assert.ok(status === 200 || status === 503, String(status));
    return status === 200;
  });
  assert.equal((await send(`${url}/me`, { headers })).json["error"], "token_revoked");
}

/** The arguments of a server that speaks TLS, and asks who is there. */
function tlsArguments({ caFile }: TestAuthority, { certFile, keyFile }: TestPair, port: number) {
  return [
    ...["--tls-port", String(port), "--tls-ca-cert-file", caFile, "--tls-auth-clients", "yes"],
    ...["--tls-cert-file", certFile, "--tls-key-file", keyFile],
  ];
}

/** Three servers that share the slots, reached over TLS alone, as one user. */
async function startTlsCluster(
  t: TestContext,
  { host, announce, ...pair }: TestPair & { host: string; announce: readonly string[] },
  authority: TestAuthority,
) {
  const nodes = await Promise.all(
    [0, 1, 2].map(async () => {
      const port = await freePort();
      const redis = await startRedis(t, [
        ...tlsArguments(authority, pair, port),
        ...["--bind", "127.0.0.1", "-::1", "--tls-cluster", "yes", "--cluster-enabled", "yes"],
        ...announce,
      ]);
      await setPassword(redis, "0pen-sesame");
      return { ...redis, port };
    }),
  );
  for (const [index, { client }] of nodes.entries()) {
    const [from, to] = [index * 5500, Math.min(index * 5500 + 5499, 16_383)];
    await client.call("CLUSTER", "ADDSLOTSRANGE", from, to);
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
  }
  for (const { port } of nodes) await nodes[0]?.client.call("CLUSTER", "MEET", host, port);
  await until(async () => {
    const infos = await Promise.all(nodes.map(({ client }) => client.call("CLUSTER", "INFO")));
    return infos.every((info) => /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(String(info)));
  });
  return nodes;
}

// They wait for Redis most of the time.
describe("what proves a sidecar to Redis", { concurrency: true }, () => {
  describe("a password of Redis that changes", { concurrency: true }, () => {
    it("is tried at once, and used at the next connection when Redis has taken it", async (t) => {
      const directory = temporaryDirectory(t);
      const file = join(directory, passwordFile);
      const redis = await startRedis(t);
      await setPassword(redis, "0pen-sesame");
      writeFileSync(file, "0pen-sesame\n");
      const gate = await startWith(t, directory, `url: "${redis.url}"`);
      await untilReady(gate);

      // One that Redis does not take (yet): the other stays in use, and whoever looks is told.
      writeFileSync(file, "5hut-sesame\n");
      await reload(gate);
      await until(async () => /^200 .*WRONGPASS/.test(await readiness(gate)));
      await until(async () => /redis_trouble\{source="secrets"\} 1/.test(await metrics(gate)));
      assert.match(await metrics(gate), /redis_failure\{cause="wrongpass"\} 1/);
      await disconnectAll(redis);
      await logOut(gate);

      await setPassword(redis, "5hut-sesame");
      await until(async () => /^200 $/.test(await readiness(gate)));
      await until(async () => /redis_failure\{cause="wrongpass"\} 0/.test(await metrics(gate)));
      assert.equal(gate.logged().split("does not accept the changed secrets").length, 3);
      await disconnectAll(redis);
      await logOut(gate);
      assert.doesNotMatch(gate.logged(), /sesame/);
    });

    it("is that of the sentinels, too", async (t) => {
      const directory = temporaryDirectory(t);
      const sentinel = await startSentinel(t);
      for (const server of sentinel.servers) await setPassword(server, "data");
      writeFileSync(join(directory, passwordFile), "data\n");
      await sentinel.client.call(
        "ACL",
        "SETUSER",
        "watch",
        "on",
        ">0pen-sesame",
        "~*",
        "&*",
        "+@all",
      );
      writeFileSync(join(directory, "sentinel-password"), "0pen-sesame\n");
      const node = `redis://127.0.0.1:${sentinel.sentinelPort}`;
      const gate = await startWith(
        t,
        directory,
        `sentinels: { primary: revgate, nodes: ["${node}"], username: watch, passwordFile: sentinel-password }`,
      );
      await untilReady(gate);
      await sentinel.client.call("ACL", "SETUSER", "watch", "resetpass", ">5hut-sesame");
      writeFileSync(join(directory, "sentinel-password"), "5hut-sesame\n");
      await reload(gate);
      await until(() => gate.logged().includes("redis has accepted the changed secrets"));
      for (const server of sentinel.servers) await disconnectAll(server);
      await logOut(gate);
    });
  });

  describe("a Redis that can't be used", { concurrency: true }, () => {
    it("is told of with what Redis says, each time that this changes", async (t) => {
      const directory = temporaryDirectory(t);
      const redis = await startRedis(t);
      await setPassword(redis, "right");
      writeFileSync(join(directory, passwordFile), "wrong\n");
      const gate = await startWith(t, directory, `url: "${redis.url}"`);
      const told = async (pattern: RegExp, cause: string) => {
        await until(async () => pattern.test(await readiness(gate)));
        await until(async () =>
          new RegExp(`redis_failure\\{cause="${cause}"\\} 1`).test(await metrics(gate)),
        );
        await until(() => gate.logged().includes(`"cause":"${cause}"`));
      };
      await told(/^503 redis is not connected: WRONGPASS/, "wrongpass");
      await setPassword(redis, "wrong", ["-@all"]);
      await told(/^503 the redis user may not use .*NOPERM/, "noperm");
      await redis.kill();
      await told(/^503 redis is not connected: .*ECONNREFUSED/, "unreachable");
      // Once, however often it was tried. (A server that starts anew does not know the user at first.)
      const lines = gate.logged().split('"cause":"wrongpass","msg":"redis is not connected"');
      assert.equal(lines.length, 2);
      await redis.start();
      await setPassword(redis, "wrong");
      await untilReady(gate);
      await until(async () => !/^revgate_redis_failure\{.*\} 1$/m.test(await metrics(gate)));
    });

    it("knows a client's certificate, and learns of another as soon as it is there", async (t) => {
      const directory = temporaryDirectory(t);
      const authority = makeAuthority(directory);
      const server = authority.issue("server", "DNS:localhost");
      const port = await freePort();
      const redis = await startRedis(t, tlsArguments(authority, server, port));
      await setPassword(redis, "p");
      writeFileSync(join(directory, passwordFile), "p");
      makeAuthority(directory, "other").issue("client", "DNS:revgate");
      const gate = await startWith(
        t,
        directory,
        `url: "rediss://localhost:${port}", caFile: ca.pem, certFile: client.pem, keyFile: client-key.pem`,
      );
      await until(async () => /redis_failure\{cause="tls"\} 1/.test(await metrics(gate)));
      authority.issue("client", "DNS:revgate");
      await reload(gate);
      await untilReady(gate);
      await logOut(gate);
    });
  });

  it("goes only to a Redis that caFile or Node itself trusts", async (t) => {
    const directory = temporaryDirectory(t);
    const trusted = makeAuthority(directory, "trusted-by-node");
    const port = await freePort();
    const pair = trusted.issue("server", "DNS:localhost");
    const tls = [...tlsArguments(trusted, pair, port), "--tls-auth-clients", "no"];
    await startRedis(t, tls);
    const application = await startApplication(t);
    const start = async (env: NodeJS.ProcessEnv) => {
      const own = temporaryDirectory(t);
      const { caFile } = makeAuthority(own, "another");
      const redis = `url: "rediss://localhost:${port}", ${patience}, grace: 300ms, caFile: ${caFile}`;
      await writeConfig(own, `denylist: { dataDir: data, redis: { ${redis} } }`, application.url);
      return startBuiltGate(t, join(own, "revgate.yaml"), env);
    };
    const [with_, without] = await Promise.all([
      start({ NODE_EXTRA_CA_CERTS: trusted.caFile }),
      start({}),
    ]);
    await untilReady(with_);
    await until(async () => /redis_failure\{cause="tls"\} 1/.test(await metrics(without)));
  });

  describe("a Cluster over TLS that knows its clients by certificates", {
    concurrency: true,
  }, () => {
    const ways = {
      "by names, which alone its certificates have": {
        names: "DNS:localhost",
        host: "127.0.0.1",
        announce: [
          ...["--cluster-announce-hostname", "localhost"],
          ...["--cluster-preferred-endpoint-type", "hostname"],
        ],
        reached: "localhost",
        more: "",
        skip: false,
      },
      "by addresses of IPv6, with one name for all certificates": {
        names: "DNS:redis.test",
        host: "::1",
        announce: ["--cluster-announce-ip", "::1"],
        reached: "[::1]",
        more: ", serverName: redis.test",
        skip: withoutIpv6,
      },
    };
    for (const [how, { names, reached, more, skip, ...cluster }] of Object.entries(ways)) {
      it(`is reached ${how}, with a password that changes`, { skip }, async (t) => {
        const directory = temporaryDirectory(t);
        const authority = makeAuthority(directory);
        const pair = authority.issue("server", names);
        authority.issue("client", "DNS:revgate");
        const nodes = await startTlsCluster(t, { ...cluster, ...pair }, authority);
        writeFileSync(join(directory, passwordFile), "0pen-sesame\n");
        const list = nodes.map(({ port }) => `"rediss://${reached}:${port}"`).join(", ");
        const gate = await startWith(
          t,
          directory,
          `cluster: [ ${list} ], caFile: ca.pem, certFile: client.pem, keyFile: client-key.pem${more}`,
        );
        await untilReady(gate);
        await logOut(gate);
        for (const node of nodes) await setPassword(node, "5hut-sesame");
        writeFileSync(join(directory, passwordFile), "5hut-sesame\n");
        await reload(gate);
        await until(() => gate.logged().includes("redis has accepted the changed secrets"));
        for (const node of nodes) await disconnectAll(node);
        await logOut(gate);
      });
    }
  });
});
