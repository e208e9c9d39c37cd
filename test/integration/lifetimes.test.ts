import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { startApplication } from "../helpers/application.ts";
import { exampleRoutes, startGate, type TestGate, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { type MachineClock, machineClock } from "../helpers/machine-clock.ts";
import { makeToken } from "../helpers/tokens.ts";

const tokens = (more: string) => `tokens: { keys: [ { publicKeyFile: public.pem } ], ${more} }`;
/** With a rule that ends all of a subject's tokens: such revocations are not kept for good. */
const withSubjects = (more: string) =>
  `${exampleRoutes}  - { path: /all, revoke: subject }\n${tokens(more)}`;
const now = () => Math.floor(Date.now() / 1000);

async function start(t: TestContext, yaml: string, clock = machineClock()) {
  const application = await startApplication(t);
  const gate = await startGate(t, { upstream: application.url, yaml, stopwatch: clock.stopwatch });
  const reload = async (next: string) => {
    await writeConfig(gate.directory, next, application.url);
    await gate.reload(() => loadConfig(join(gate.directory, "revgate.yaml"), {}));
  };
  return { gate, clock, reload, application };
}

async function get({ url }: TestGate, token: string): Promise<string> {
  const reply = await send(`${url}/me`, { headers: { token } });
  return reply.status === 200 ? "200" : `${reply.status} ${reply.json["error"]}`;
}

const secret = "s".repeat(32);
const end = (gate: TestGate, what: object) =>
  send(`${gate.adminUrl}/revocations`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify(what),
  });

describe("revocations and configurations that change", () => {
  it("revive no token when clockTolerance is raised", async (t) => {
    const clock: MachineClock = machineClock();
    const { gate, reload } = await start(t, tokens("clockTolerance: 0s"), clock);
    const token = makeToken({ exp: now() + 20 });
    await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
    clock.pass(60);
    assert.equal(await get(gate, token), "401 token_expired");
    // Two sweeps, in which whatever was over would go.
    const sweep = performance.now() + 2100;
    while (performance.now() < sweep) await send(`${gate.adminUrl}/healthz`);
    await reload(tokens("clockTolerance: 5m"));
    assert.equal(await get(gate, token), "401 token_revoked");
    const live = makeToken({ exp: now() + 20 });
    assert.equal(await get(gate, live), "200");
  });

  it("let no token in that is older than a longer maxLifetime, after a restart too", async (t) => {
    const { gate, reload, application } = await start(t, withSubjects("maxLifetime: 1h"));
    const old = makeToken({ iat: now() - 100, exp: now() + 7200 });
    assert.equal(await get(gate, old), "401 token_invalid");
    await reload(withSubjects("maxLifetime: 4h"));
    assert.equal(await get(gate, old), "401 token_invalid");
    assert.equal(await get(gate, makeToken({ iat: now(), exp: now() + 3600 })), "200");
    await gate.stop();
    const clock = machineClock();
    clock.pass(400);
    const again = await startGate(t, {
      ...{ upstream: application.url, directory: gate.directory, stopwatch: clock.stopwatch },
      yaml: withSubjects("maxLifetime: 4h"),
    });
    assert.equal(await get(again, old), "401 token_invalid");
    // Issued well behind the change.
    assert.equal(await get(again, makeToken({ iat: now() + 400, exp: now() + 7200 })), "200");
  });

  it("let no token in that does not say when it was issued, if its session can be ended from outside", async (t) => {
    const undated = makeToken({ iat: undefined, exp: now() + 600, sid: "s1" });
    const { gate, application } = await start(t, exampleRoutes);
    assert.equal(await get(gate, undated), "200");
    const directory = gate.directory;
    await gate.stop();
    writeFileSync(join(directory, "secret"), secret, { mode: 0o600 });
    const yaml = `${exampleRoutes}admin: { host: 127.0.0.1, port: 0, tokenFile: secret }`;
    const admin = await startGate(t, { upstream: application.url, directory, yaml });
    assert.equal(await get(admin, undated), "401 token_invalid");
    assert.equal((await end(admin, { sid: "s1" })).status, 201);
  });

  it("refuse a token that claims to be issued in the future: it may be ended before, and that be forgotten", async (t) => {
    const { gate } = await start(t, tokens("maxLifetime: 1h"));
    assert.equal(await get(gate, makeToken({ iat: now() + 250, exp: now() + 600 })), "200");
    const ahead = makeToken({ iat: now() + 400, exp: now() + 600 });
    assert.equal(await get(gate, ahead), "401 token_invalid");
  });
});
