import assert from "node:assert/strict";
import { randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { connect } from "node:tls";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigWatch } from "../../src/config/watch.ts";
import { aclRules } from "../../src/denylist/redis/commands.ts";
import { startApplication } from "../helpers/application.ts";
import { makeAuthority } from "../helpers/authority.ts";
import { revgate } from "../helpers/command.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { nextKeyPair } from "../helpers/key-pairs.ts";
import { freePort } from "../helpers/ports.ts";
import { repository } from "../helpers/program.ts";
import { patience, startRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { blocksOf, inDirectory, type StandIn, sectionOf, walk } from "../helpers/walk.ts";

const nextKey = nextKeyPair();

/** A sidecar with every secret that it can have in files, at a Redis that wants two of them. */
async function startWithSecrets(t: TestContext) {
  const directory = temporaryDirectory(t);
  const file = (name: string) => join(directory, name);
  const authority = makeAuthority(directory, "redis-ca");
  /** A pair by the names of the documents: NAME and NAME-key, whatever their ending. */
  const issue = (certFile: string, keyFile: string, by = authority) => {
    const pair = by.issue("made", "IP:127.0.0.1,DNS:localhost");
    renameSync(pair.certFile, file(certFile));
    renameSync(pair.keyFile, file(keyFile));
  };
  issue("tls.crt", "tls.key");
  issue("redis-client.pem", "redis-client-key.pem");
  issue("redis.pem", "redis-key.pem");
  writeFileSync(file("redis-password"), "first-sesame\n");
  writeFileSync(file("admin-token"), "first-secret-of-the-admin\n");
  writeFileSync(file("jwt-public.pem"), publicPem);
  const port = await freePort();
  const redis = await startRedis(t, [
    ...["--tls-port", String(port), "--tls-ca-cert-file", authority.caFile],
    ...["--tls-cert-file", file("redis.pem"), "--tls-key-file", file("redis-key.pem")],
    ...["--tls-auth-clients", "yes"],
  ]);
  const rules = [">first-sesame", "~revgate:*", ...aclRules(["always", "single", "steady"])];
  await redis.client.call("ACL", "SETUSER", "revgate", "on", ...rules);
  const { url: upstream } = await startApplication(t);
  const tls = "caFile: redis-ca.pem, certFile: redis-client.pem, keyFile: redis-client-key.pem";
  const gate = await startGate(t, {
    ...{ upstream, directory, scheme: "https" },
    yaml: `
listen: { host: 127.0.0.1, port: 0, tls: { certFile: tls.crt, keyFile: tls.key } }
tokens: { keys: [ { publicKeyFile: jwt-public.pem } ] }
admin: { host: 127.0.0.1, port: 0, tokenFile: admin-token }
denylist:
  dataDir: data
  redis: { url: "rediss://localhost:${port}", username: revgate, passwordFile: redis-password, ${patience}, ${tls} }
`,
  });
  const watch = await ConfigWatch.start({
    files: () => gate.config().sources,
    everyMs: 50,
    onChange: () => void gate.reload(() => loadConfig(file("revgate.yaml"), {})),
  });
  t.after(() => watch.close());
  await untilReady(gate);
  return { gate, redis, authority, issue, file };
}

type Ask = (path: string, method: string, token: string) => Promise<number>;

/** What clients do with a token, and what they must hear; a logout that had to wait is in force when it is repeated. */
const steps = [
  ["/me", "GET", [200]],
  ["/logout", "POST", [200, 401]],
  ["/me", "GET", [401]],
] as const;

/** Asks until it is no 503: a sidecar that had no CPU for longer than it may trust its memory says so, rotation or not. */
async function askPatiently(
  ask: Ask,
  [path, method]: readonly [string, string, ...unknown[]],
  token: string,
): Promise<number | string> {
  let answer: number | string = 503;
  while (answer === 503)
    answer = await ask(path, method, token).catch((error: Error) => error.message);
  return answer;
}

/** Clients that come, log out and come again, and must never notice anything, until they are stopped. */
function startClients(ask: Ask) {
  let running = true;
  let rounds = 0;
  const wrong: string[] = [];
  const work = (async () => {
    while (running) {
      const token = makeToken();
      for (const step of steps) {
        const answer = await askPatiently(ask, step, token);
        if (!step[2].some((expected) => expected === answer))
          wrong.push(`${step[1]} ${step[0]}: ${answer}`);
      }
      rounds += 1;
    }
  })();
  return {
    wrong,
    async untilRound() {
      const target = rounds + 2;
      await until(() => rounds >= target);
    },
    async stop() {
      running = false;
      await work;
    },
  };
}

describe("the rotation of a secret by the runbook, with clients that notice nothing", () => {
  it("works for keys, certificates, passwords and the admin token", async (t) => {
    const { gate, redis, authority, issue, file } = await startWithSecrets(t);
    const ca = readFileSync(authority.caFile, "utf8");
    const clients = startClients(async (path, method, token) => {
      const { status } = await send(`${gate.url}${path}`, { method, headers: { token }, ca });
      return status;
    });
    t.after(clients.stop);
    const env = {
      ADMIN: gate.adminUrl,
      LISTEN: `127.0.0.1:${gate.port}`,
      REDIS: `redis://127.0.0.1:${redis.port}`,
    };
    const rotate = async (heading: string) => {
      const before = gate.logged().length;
      const kubectl: StandIn = async () => gate.logged().slice(before);
      await walk(t, blocksOf(sectionOf("docs/runbook.md", heading)), {
        ...{ directory: gate.directory, env },
        programs: {
          kubectl,
          revgate: inDirectory(gate.directory, (args, input) => revgate(args, { input })),
        },
      });
      await clients.untilRound();
      assert.deepEqual(clients.wrong, [], heading);
      const refused = /"cause":"(?:wrongpass|noauth|noperm|tls)"/;
      assert.doesNotMatch(gate.logged().slice(before), refused, heading);
    };
    const statusOf = async (token: string) =>
      (await send(`${gate.url}/me`, { headers: { token }, ca })).status;

    // The clients' tokens are of the other key: the section ends with that key alone in force.
    writeFileSync(file("new-public.pem"), publicPem);
    writeFileSync(
      file("jwt-public.pem"),
      nextKey.publicKey.export({ type: "spki", format: "pem" }).toString() + publicPem,
    );
    const ofOld = makeToken({}, { key: nextKey.privateKey });
    await until(async () => (await statusOf(ofOld)) === 200);
    writeFileSync(file("token-of-new-key.txt"), makeToken());
    writeFileSync(file("token-of-old-key.txt"), ofOld);
    await rotate("Keys of tokens");
    assert.equal(await statusOf(ofOld), 401);

    issue("new-tls.crt", "new-tls.key");
    const issued = readFileSync(file("new-tls.crt"));
    await rotate("The certificate for clients");
    assert.deepEqual(await certificateOf(gate), new X509Certificate(issued).raw);

    const admin = async (secret: string) =>
      (
        await send(`${gate.adminUrl}/revocations`, {
          headers: { authorization: `Bearer ${secret}` },
        })
      ).status;
    assert.equal(await admin("first-secret-of-the-admin"), 200);
    await rotate("The admin token");
    assert.equal(await admin("first-secret-of-the-admin"), 401);

    writeFileSync(file("new-redis-password"), "second-sesame\n");
    await rotate("The password of Redis");

    const ofClients = makeAuthority(gate.directory, "client-ca");
    const trusted = file("client-cas.pem");
    writeFileSync(trusted, ca + readFileSync(ofClients.caFile, "utf8"));
    await redis.client.call("CONFIG", "SET", "tls-ca-cert-file", trusted);
    issue("new-redis-client.pem", "new-redis-client-key.pem", ofClients);
    await rotate("The client certificate for Redis");

    const another = makeAuthority(gate.directory, "another-ca");
    copyFileSync(another.caFile, file("new-ca.pem"));
    await rotate("Certificate authorities");
    // The server's part: a certificate of the new authority, and no trust in the former client's. Then only what is in
    // force now connects anew.
    const pair = another.issue("made", "DNS:localhost");
    const files = ["tls-cert-file", pair.certFile, "tls-key-file", pair.keyFile];
    await redis.client.call("CONFIG", "SET", ...files, "tls-ca-cert-file", ofClients.caFile);
    await clients.stop();
    assert.deepEqual(clients.wrong, []);
    await assert.rejects(redis.client.call("AUTH", "revgate", "first-sesame"), /WRONGPASS/);
    await redis.client.call("CLIENT", "KILL", "USER", "revgate");
    await until(async () => {
      const headers = { token: makeToken() };
      return (await send(`${gate.url}/logout`, { method: "POST", headers, ca })).status === 200;
    });
  });

  it("works for the key of names, one sidecar at a time", async (t) => {
    const redis = await startRedis(t);
    const { url: upstream } = await startApplication(t);
    const directory = temporaryDirectory(t);
    const keys = ["name-key", "former-name-key"];
    const start = async (setting: string) => {
      const own = temporaryDirectory(t);
      for (const key of keys.filter((name) => existsSync(join(directory, name))))
        copyFileSync(join(directory, key), join(own, key));
      const store = `dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 1s }`;
      const yaml = setting.replace("{ ", `{ ${store}, formerNames: false, `);
      const gate = await startGate(t, { upstream, yaml, directory: own });
      await untilReady(gate);
      return gate;
    };
    writeFileSync(join(directory, "name-key"), randomBytes(32));
    let setting = "denylist: { nameKeyFile: name-key }";
    const sidecars = [await start(setting), await start(setting)];
    let turn = 0;
    const ask = async (path: string, method: string, token: string) => {
      turn += 1;
      const { url } = sidecars[turn % sidecars.length] ?? assert.fail();
      return (await send(`${url}${path}`, { method, headers: { token } })).status;
    };
    const revoked = makeToken();
    assert.equal(await ask("/logout", "POST", revoked), 200);
    const clients = startClients(ask);
    t.after(clients.stop);
    await clients.untilRound();
    const kubectl: StandIn = async (args) => {
      if (args[1] !== "restart") return "";
      for (let count = 0; count < 2; count += 1) {
        const [former] = sidecars.splice(0, 1);
        await clients.untilRound();
        await former?.stop();
        sidecars.push(await start(setting));
        await clients.untilRound();
      }
      return "";
    };
    await walk(t, blocksOf(sectionOf("docs/runbook.md", "The key of names")), {
      ...{ directory, env: {}, programs: { kubectl } },
      configure: (yaml) => {
        setting = yaml;
      },
    });
    assert.match(setting, /formerNameKeyFile/);
    await clients.stop();
    assert.deepEqual(clients.wrong, []);
    for (const _ of sidecars) assert.equal(await ask("/me", "GET", revoked), 401);
  });

  it("is told for every setting that names a file", () => {
    const table = sectionOf("docs/runbook.md", "Rotate secrets").split("#### ")[0] ?? "";
    const settings = readFileSync(join(repository, "config.schema.json"), "utf8");
    const names = new Set([...settings.matchAll(/"(\w+File)": \{/g)].map(([, name]) => name));
    assert.ok(names.size > 8);
    for (const name of names) assert.ok(table.includes(`${name}\``), name);
  });
});

/** The certificate that a new connection is shown. */
async function certificateOf({ port }: TestGate): Promise<Buffer> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return raw;
}
