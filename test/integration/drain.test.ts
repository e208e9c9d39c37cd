import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Agent, type ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { revgate } from "../helpers/command.ts";
import { startGate, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { runBuilt } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const secret = "a-secret-of-the-admin's";

async function start(t: TestContext) {
  const waiting: ServerResponse[] = [];
  const application = await startApplication(t, (request, response) => {
    if (request.url === "/slow") waiting.push(response);
    else response.end("ok");
  });
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "secret"), secret);
  const yaml = "admin: { host: 127.0.0.1, port: 0, tokenFile: secret }";
  const gate = await startGate(t, { upstream: application.url, yaml, directory });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const headers = { token: makeToken() };
  const get = (path: string) => send(`${gate.url}${path}`, { headers, agent });
  return { gate, get, waiting, config: join(directory, "revgate.yaml") };
}

const readiness = async (adminUrl: string) => (await send(`${adminUrl}/readyz`)).json;

describe("a drain that somebody asks for", () => {
  it("takes revgate out of service and has clients leave, and serves what still comes", async (t) => {
    const { gate, get, waiting } = await start(t);
    const slow = get("/slow");
    await until(() => waiting.length !== 0);
    assert.equal((await get("/me")).headers.connection, "keep-alive");

    const reply = await send(`${gate.adminUrl}/drain`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
    });
    assert.equal(reply.status, 202);
    assert.equal(reply.json["connections"], 2);
    assert.deepEqual(await readiness(gate.adminUrl), { status: "not_ready", reason: "draining" });
    for (let i = 0; i < 3; i += 1) {
      const { status, headers } = await get("/me");
      assert.deepEqual([status, headers.connection], [200, "close"]);
    }
    waiting[0]?.end("done");
    const { text, headers } = await slow;
    assert.deepEqual([text, headers.connection], ["done", "close"]);
    assert.match(gate.logged(), /"msg":"draining"/);
    assert.equal(gate.logged().split('"msg":"draining"').length, 2);
  });

  it("is told from the command line, which waits for connections to end, and no longer than asked", async (t) => {
    const { gate, get, waiting, config } = await start(t);
    const slow = get("/slow");
    await until(() => waiting.length !== 0);
    const hurried = await runBuilt(["drain", "--config", config]);
    assert.deepEqual([hurried.code, hurried.stdout], [0, "draining; connections left: 1\n"]);
    const patient = runBuilt(["drain", "--config", config, "--wait", "60"]);
    waiting[0]?.end("done");
    await slow;
    assert.deepEqual((await patient).stdout, "draining; connections left: 0\n");
    await gate.stop();
    const late = await revgate(["drain", "--config", config]);
    assert.equal(late.code, 1);
    assert.match(late.stderr, /no revgate is running on it/);
  });

  it("is nothing for a data directory that nobody serves from", async (t) => {
    const directory = temporaryDirectory(t);
    await writeConfig(directory, "", "http://127.0.0.1:1");
    const config = join(directory, "revgate.yaml");
    assert.equal((await revgate(["drain", "--config", config])).code, 1);
    assert.equal((await revgate(["drain", "--config", config, "--wait", "soon"])).code, 2);
  });
});
