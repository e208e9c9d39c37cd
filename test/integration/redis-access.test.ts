import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { aclRules } from "../../src/denylist/redis/commands.ts";
import { startApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import { patience, startRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

/** What the README tells an operator to allow. */
const acl = ["on", ">hunter2", "resetkeys", "~revgate:*", "resetchannels", "-@all"];
/** A Redis with TLS and a user who may do no more than revgate needs. */
async function startGuardedRedis(t: TestContext, directory: string) {
  makeCertificate(directory);
  const tlsPort = await freePort();
  const redis = await startRedis(t, [
    ...["--tls-port", String(tlsPort), "--tls-auth-clients", "no"],
    ...[
      "--tls-cert-file",
      join(directory, "cert.pem"),
      "--tls-key-file",
      join(directory, "key.pem"),
    ],
  ]);
  await redis.client.call(
    "ACL",
    "SETUSER",
    "revgate",
    ...acl,
    ...aclRules(["always", "single", "steady"]),
  );
  await redis.client.call("ACL", "SETUSER", "default", "-@all", "+ttl", "+keys", "~*");
  return { ...redis, url: `rediss://revgate@127.0.0.1:${tlsPort}` };
}

async function gateWith(t: TestContext, password: string, more = ", caFile: cert.pem") {
  const directory = temporaryDirectory(t);
  const redis = await startGuardedRedis(t, directory);
  writeFileSync(join(directory, "redis-password"), `${password}\n`);
  const application = await startApplication(t);
  const yaml = `denylist: { dataDir: data, redis: { url: "${redis.url}", passwordFile: redis-password, ${patience}, grace: 300ms ${more} } }`;
  const gate = await startGate(t, { upstream: application.url, yaml, directory });
  return { gate, redis };
}

describe("Redis with TLS, a user and a password from a file", () => {
  it("serves, with no more rights than the documents name", async (t) => {
    const { gate } = await gateWith(t, "hunter2");
    await untilReady(gate);
    const headers = { token: makeToken() };
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
    assert.equal((await send(`${gate.url}/logout`, { method: "POST", headers })).status, 200);
    assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "token_revoked");
  });

  it("is not trusted with a wrong password: nothing passes", async (t) => {
    const { gate } = await gateWith(t, "wrong");
    const reply = await send(`${gate.url}/me`, { headers: { token: makeToken() } });
    assert.equal(reply.json["error"], "denylist_unavailable");
    assert.doesNotMatch(gate.logged(), /hunter2|"wrong"/);
  });

  it("is not trusted with a certificate that nobody vouches for: nothing passes", async (t) => {
    const { gate } = await gateWith(t, "hunter2", "");
    await until(() => gate.logged().includes("redis is not connected"));
    const reply = await send(`${gate.url}/me`, { headers: { token: makeToken() } });
    assert.equal(reply.json["error"], "denylist_unavailable");
  });

  it("is not told in the answer of one that has no AUTH, which repeats what it was sent", async (t) => {
    const application = await startApplication(t);
    const { port } = await startRedis(t, ["--rename-command", "AUTH", ""]);
    const alone = `url: "redis://127.0.0.1:${port}"`;
    const sentinels = `sentinels: { primary: main, nodes: [ "redis://127.0.0.1:${port}" ], passwordFile: password }`;
    for (const address of [alone, sentinels]) {
      const directory = temporaryDirectory(t);
      writeFileSync(join(directory, "password"), "hunter2");
      const yaml = `denylist: { dataDir: data, redis: { ${address}, username: revgate, passwordFile: password } }`;
      const gate = await startGate(t, { upstream: application.url, yaml, directory });
      const ready = async () => (await send(`${gate.adminUrl}/readyz`)).text;
      await until(async () => (await ready()).includes("unknown command 'auth'"));
      const { text } = await send(`${gate.url}/logout`, {
        method: "POST",
        headers: { token: makeToken() },
      });
      const told = [await ready(), text, gate.logged()].join("\n");
      assert.match(gate.logged(), /unknown command 'auth'/);
      assert.doesNotMatch(told, /hunter2/);
    }
  });
});
