import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { startApp } from "../../src/app/app.ts";
import { main } from "../../src/commands/main.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { startApplication } from "../helpers/application.ts";
import { revgate } from "../helpers/command.ts";
import { send } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, publicPem } from "../helpers/tokens.ts";

const fail = () => assert.fail("nothing runs");
const nothingRuns = { spawnNode: fail, spawnProgram: fail };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** An application that knows a token by its header, and forgets nothing at a logout. */
function startShop(t: TestContext) {
  const open = /^\/(?:$|articles\/|assets\/)/;
  return startApplication(t, (request, response) => {
    const { method, url = "", headers } = request;
    const isUser = headers.authorization?.startsWith("Bearer ey") === true;
    const answer = (status: number, body: object = {}) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (`${method} ${url}` === "POST /session/sign-in") return answer(200, { token: makeToken() });
    if (method === "GET" && open.test(url)) return answer(200);
    answer(isUser ? 200 : 401);
  });
}

/** What `revgate init` writes if nobody says anything, on free ports. */
async function writeFirst(t: TestContext, upstream: string): Promise<string> {
  const directory = temporaryDirectory(t);
  const [key, file] = [join(directory, "app.pem"), join(directory, "first.yaml")];
  writeFileSync(key, publicPem);
  const args = ["init", "--key", key, "--upstream", upstream, "--output", file];
  assert.equal((await revgate(args)).code, 0);
  writeFileSync(file, readFileSync(file, "utf8").replaceAll(/port: (?:8080|9090)/g, "port: 0"));
  return file;
}

/** Runs `revgate observe` in this process until the test has it end. */
async function observe(t: TestContext, file: string, output: string) {
  const stderr = new PassThrough();
  let end = () => {};
  const terminated = new Promise<void>((resolve) => {
    end = resolve;
  });
  t.after(() => end());
  let log = "";
  let ended: Promise<unknown> = Promise.resolve();
  const ports = new Promise<RegExpExecArray>((resolve) => {
    const write = (line: string) => {
      log += line;
      const found = /"address":\{.*?"port":(\d+)\},"adminAddress":\{.*?"port":(\d+)/.exec(log);
      if (found !== null) resolve(found);
    };
    const code = main(["observe", "--config", file, "--output", output], {
      ...{ env: {}, stdin: new PassThrough(), stdout: new PassThrough(), stderr },
      openLog: () => ({ write, onDropped() {}, close: async () => {} }),
      waitForTermination: () => terminated,
      ...{ onReloadRequest() {}, onUncaught() {}, ...nothingRuns },
    });
    ended = code.then(() => stderr.end());
  });
  const [, port, adminPort] = await ports;
  return {
    url: `http://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    log: () => log,
    async end() {
      end();
      await ended;
      return text(stderr);
    },
  };
}

/** What clients of the shop do in an hour. */
async function use(url: string): Promise<void> {
  const { json } = await send(`${url}/session/sign-in`, { method: "POST" });
  const headers = bearer(String(json["token"]));
  const replies = [
    await send(`${url}/`),
    await send(`${url}/`, { headers }),
    await send(`${url}/articles/17`),
    await send(`${url}/articles/18`, { headers }),
    ...(await Promise.all(["a.js", "b.css", "c.png"].map((name) => send(`${url}/assets/${name}`)))),
    await send(`${url}/account`, { headers }),
    await send(`${url}/session/sign-out`, { method: "POST", headers }),
  ];
  assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
  assert.equal((await send(`${url}/account`)).status, 401);
  // The application lets it in although it was given up.
  assert.equal((await send(`${url}/account`, { headers })).status, 200);
}

describe("revgate observe", () => {
  it("refuses nothing, and what it has seen makes a configuration that protects", async (t) => {
    const shop = await startShop(t);
    const first = await writeFirst(t, shop.url);
    const directory = join(first, "..");
    const output = join(directory, "observed.json");
    const gate = await observe(t, first, output);
    await use(gate.url);
    const metrics = (await send(`${gate.adminUrl}/metrics`)).text;
    assert.match(metrics, /^revgate_observing 1$/m);
    assert.match(metrics, /^revgate_would_refuse_total [1-9]/m);
    assert.match(gate.log(), /"reason":"token_missing".*"path":"\/account".*would be refused/);
    // One thing is refused all the same: nobody knows where such a request ends.
    const smuggled = { "content-length": "1", "transfer-encoding": "chunked" };
    const refused = await send(`${gate.url}/`, { method: "POST", headers: smuggled, body: "x" });
    assert.equal(refused.status, 400);
    const said = await gate.end();
    assert.match(said, /GET \/account: token_missing 3/);
    assert.ok(!readFileSync(output, "utf8").includes("eyJ"), "a token was written");
    assert.ok(existsSync(join(directory, "data/observed")), "its revocations are its own");

    const second = join(directory, "second.yaml");
    const done = await revgate(["init", "--from", output, "--output", second]);
    assert.deepEqual([done.code, done.stderr], [0, ""]);
    assert.match(done.stdout, /tokens\.from: {"header":"authorization","scheme":"Bearer"}/);
    const config = await loadConfig(second, {});
    assert.deepEqual(
      config.settings.routes.map(({ path, methods, access, revoke }) => [
        ...[path, methods?.join(), access, revoke],
      ]),
      [
        ["/session/sign-in", "POST", "public", undefined],
        ["/", "GET", "optional", undefined],
        ["/session/sign-out", "POST", "protected", "token"],
        ["/articles/{id}", "GET", "optional", undefined],
        ["/assets/*", "GET", "public", undefined],
      ],
    );
    const logger = createLogger("silent", [], { write: () => {} });
    const app = await startApp(config, { logger, version: "test" });
    t.after(() => app.stop());
    const url = `http://127.0.0.1:${app.address.port}`;
    for (const path of ["/", "/articles/99", "/assets/new.js"]) {
      assert.equal((await send(`${url}${path}`)).status, 200, path);
    }
    const headers = bearer(makeToken());
    assert.equal((await send(`${url}/account`, { headers })).status, 200);
    const left = await send(`${url}/session/sign-out`, { method: "POST", headers });
    assert.equal(left.status, 200);
    for (const path of ["/account", "/", "/articles/99"]) {
      assert.equal((await send(`${url}${path}`, { headers })).json["error"], "token_revoked", path);
    }
    assert.equal((await send(`${url}/account`)).json["error"], "token_missing");
  });

  it("says what it is not, and whose it is", async (t) => {
    const directory = temporaryDirectory(t);
    const file = join(directory, "other.json");
    writeFileSync(file, "{}");
    const done = await revgate(["init", "--from", file, "--output", join(directory, "new.yaml")]);
    assert.equal(done.code, 2);
    assert.match(done.stderr, /other\.json is not what revgate observe writes/);
  });
});
