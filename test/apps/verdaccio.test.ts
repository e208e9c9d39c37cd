import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { revgate } from "../helpers/command.ts";
import { send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import { startProgram } from "../helpers/program.ts";
import { startRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";
import { appsFolder } from "./install.ts";
import { startSidecar } from "./sidecars.ts";

const secret = "0123456789abcdef0123456789abcdef";

/** A registry of its own, whose users have JWTs. */
async function startVerdaccio(t: TestContext): Promise<string> {
  const directory = temporaryDirectory(t);
  const storage = join(directory, "storage");
  mkdirSync(storage);
  writeFileSync(join(storage, ".verdaccio-db.json"), JSON.stringify({ list: [], secret }));
  const config = join(directory, "config.yaml");
  writeFileSync(
    config,
    `storage: ${storage}
auth: { htpasswd: { file: ${join(directory, "htpasswd")} } }
security: { api: { jwt: { sign: { expiresIn: 1d } } } }
packages: { "**": { access: $authenticated, publish: $authenticated } }
log: { type: stdout, format: json, level: warn }
`,
  );
  const port = await freePort();
  const program = join(appsFolder(), "node_modules/verdaccio/bin/verdaccio");
  const command = [process.execPath, program, "--config", config, "--listen", `127.0.0.1:${port}`];
  await startProgram(t, command as [string, ...string[]], { NO_COLOR: "1" }, /./);
  const url = `http://127.0.0.1:${port}`;
  await until(() =>
    send(`${url}/-/ping`).then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
  return url;
}

/** Two revgates that share a Redis, as `init` writes them. */
async function startPair(t: TestContext, upstream: string): Promise<[string, string]> {
  const directory = temporaryDirectory(t);
  const [file, secretFile] = [join(directory, "revgate.yaml"), join(directory, "jwt-secret.txt")];
  writeFileSync(secretFile, `${secret}\n`);
  const args = ["--framework", "verdaccio", "--key", `secret ${secretFile}`];
  const done = await revgate(["init", ...args, "--upstream", upstream, "--output", file]);
  assert.equal(done.code, 0, done.stderr);
  const redis = await startRedis(t);
  const yaml = readFileSync(file, "utf8").replace(
    /^denylist:[\s\S]*?(?=^\w|(?![\s\S]))/m,
    "denylist: { dataDir: data, redis: { url: redis } }\n",
  );
  const place = { upstream, secret, redisUrl: redis.url };
  return [await startSidecar(t, yaml, place), await startSidecar(t, yaml, place)];
}

describe("Verdaccio with the npm client behind two revgates", () => {
  it("publishes, logs one device out of two, and refuses its token at both", async (t) => {
    const [first, second] = await startPair(t, await startVerdaccio(t));
    /** What `npm login --auth-type=legacy` sends, which asks for the password on a terminal. */
    const logIn = async (url: string) => {
      const user = `${url}/-/user/org.couchdb.user:alice`;
      const type = { "content-type": "application/json" };
      const body = JSON.stringify({ name: "alice", password: "wonderland" });
      const added = await send(user, { method: "PUT", headers: type, body });
      if (added.status === 201) return String(added.json["token"]);
      assert.equal(added.status, 409, added.text);
      const basic = {
        authorization: `Basic ${Buffer.from("alice:wonderland").toString("base64")}`,
      };
      const known = await send(`${user}?write=true`, { headers: basic });
      assert.equal(known.status, 200, known.text);
      const headers = { ...type, ...basic };
      const { status, json, text } = await send(`${user}/-rev/undefined`, {
        ...{ method: "PUT", headers, body },
      });
      assert.equal(status, 201, text);
      return String(json["token"]);
    };
    const phone = await logIn(first);
    // Its tokens have no jti: those of one second are the same.
    let laptop = phone;
    await until(async () => {
      laptop = await logIn(second);
      return laptop !== phone;
    });

    const npm = async (url: string, token: string, ...args: string[]) => {
      const home = temporaryDirectory(t);
      const rc = join(home, ".npmrc");
      writeFileSync(rc, `registry=${url}/\n${url.replace("http:", "")}/:_authToken=${token}\n`);
      const env = {
        ...{ PATH: process.env["PATH"], HOME: home, npm_config_userconfig: rc },
        ...{ npm_config_cache: join(home, "cache"), npm_config_update_notifier: "false" },
        npm_config_fetch_retries: "0",
      };
      return new Promise<{ ok: boolean; text: string }>((resolve) => {
        execFile("npm", args, { env, cwd: home }, (error, stdout, stderr) =>
          resolve({ ok: error === null, text: `${stdout}${stderr}` }),
        );
      });
    };
    const folder = temporaryDirectory(t);
    const manifest = { name: "@alice/teapot", version: "1.0.0" };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    const published = await npm(first, phone, "publish", folder, "--access=public");
    assert.ok(published.ok, published.text);
    assert.match((await npm(second, laptop, "view", "@alice/teapot", "version")).text, /1\.0\.0/);

    const left = await npm(first, phone, "logout");
    assert.ok(left.ok, left.text);
    for (const url of [first, second]) {
      const who = await npm(url, phone, "whoami");
      assert.ok(!who.ok, who.text);
      assert.match(who.text, /E401/);
    }
    assert.match((await npm(first, laptop, "whoami")).text, /^alice$/m);
  });
});
