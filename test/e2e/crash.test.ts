import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { startBuiltGate } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

describe("the embedded store", () => {
  it("keeps every revocation through kill -9 right after the logout's response", async (t) => {
    const application = await startApplication(t);
    const directory = temporaryDirectory(t);
    await writeConfig(directory, "", application.url);
    const config = join(directory, "revgate.yaml");
    const dead: string[] = [];
    const live = makeToken();
    for (let round = 0; round < 5; round += 1) {
      const gate = await startBuiltGate(t, config);
      for (const token of dead) {
        const reply = await send(`${gate.url}/me`, { headers: { token } });
        assert.equal(reply.json["error"], "token_revoked", `round ${round}`);
      }
      assert.equal((await send(`${gate.url}/me`, { headers: { token: live } })).status, 200);
      // Several at once: the kill comes as soon as the first of them has its answer.
      const tokens = Array.from({ length: 10 }, () => makeToken());
      const logouts = tokens.map(async (token) => {
        const reply = await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
        if (reply.status === 200) dead.push(token);
      });
      await Promise.race(logouts);
      await gate.end("SIGKILL");
      await Promise.allSettled(logouts);
    }
    assert.ok(dead.length >= 5);
  });

  for (const onUnknownOutcome of ["revoke", "keep"] as const) {
    it(`does with a logout that was under way at kill -9 what is configured: ${onUnknownOutcome}`, async (t) => {
      const application = await startApplication(t, (request, response) => {
        // The logout reaches the application and is never answered.
        if (request.url !== "/logout") response.end();
      });
      const directory = temporaryDirectory(t);
      const yaml = `denylist: { dataDir: data, onUnknownOutcome: ${onUnknownOutcome} }`;
      await writeConfig(directory, yaml, application.url);
      const config = join(directory, "revgate.yaml");
      const headers = { token: makeToken() };
      const other = { token: makeToken() };
      const first = await startBuiltGate(t, config);
      const arrived = once(application.server, "request");
      const logout = assert.rejects(send(`${first.url}/logout`, { method: "POST", headers }));
      await arrived;
      await first.end("SIGKILL");
      await logout;

      const second = await startBuiltGate(t, config);
      const expected = onUnknownOutcome === "revoke" ? 401 : 200;
      assert.equal((await send(`${second.url}/me`, { headers })).status, expected);
      assert.equal((await send(`${second.url}/me`, { headers: other })).status, 200);
      const count = onUnknownOutcome === "revoke" ? 1 : 0;
      const { text } = await send(`${second.adminUrl}/metrics`);
      assert.ok(
        text.includes(`revgate_revocations_total{trigger="recovery",kind="tok"} ${count}\n`),
      );
      // Settled: it is not taken for unknown again.
      await second.end("SIGKILL");
      const third = await startBuiltGate(t, config);
      const later = await send(`${third.adminUrl}/metrics`);
      assert.ok(
        later.text.includes('revgate_revocations_total{trigger="recovery",kind="tok"} 0\n'),
      );
      assert.equal((await send(`${third.url}/me`, { headers })).status, expected);
    });
  }

  it("keeps every revocation through SIGTERM, which ends with exit code 0", async (t) => {
    const application = await startApplication(t);
    const directory = temporaryDirectory(t);
    await writeConfig(directory, "", application.url);
    const config = join(directory, "revgate.yaml");
    const headers = { token: makeToken() };
    const first = await startBuiltGate(t, config);
    assert.equal((await send(`${first.url}/logout`, { method: "POST", headers })).status, 200);
    assert.equal(await first.end("SIGTERM"), 0);
    const second = await startBuiltGate(t, config);
    assert.equal((await send(`${second.url}/me`, { headers })).json["error"], "token_revoked");
  });
});

describe("SIGTERM", () => {
  it("lets a request that is under way finish, and takes no new one", async (t) => {
    let release = () => {};
    const arrived = new Promise<void>((resolve) => {
      release = resolve;
    });
    const application = await startApplication(t, (request, response) => {
      if (request.url !== "/logout") return void response.end();
      release();
      finishLogout = () => response.end("bye");
    });
    let finishLogout = () => {};
    const directory = temporaryDirectory(t);
    await writeConfig(directory, "", application.url);
    const gate = await startBuiltGate(t, join(directory, "revgate.yaml"));
    const headers = { token: makeToken() };
    const logout = send(`${gate.url}/logout`, { method: "POST", headers });
    await arrived;
    const ended = gate.end("SIGTERM");
    await until(async () => (await send(`${gate.adminUrl}/readyz`)).status === 503);
    await assert.rejects(send(`${gate.url}/me`, { headers }), { code: "ECONNREFUSED" });
    finishLogout();
    assert.deepEqual([(await logout).status, (await logout).text], [200, "bye"]);
    assert.equal(await ended, 0);
  });
});
