import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

describe("a data directory that is removed under a running revgate", () => {
  it("is made again, with all that was in it, before a logout counts", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const logout = async (token: string) =>
      (await send(`${gate.url}/logout`, { method: "POST", headers: { token } })).status;
    const [before, after] = [makeToken(), makeToken()];
    assert.equal(await logout(before), 200);
    rmSync(join(gate.directory, "data"), { recursive: true });
    assert.equal(await logout(after), 200);

    assert.ok(existsSync(join(gate.directory, "data/journal")));
    // The lock as well: no second revgate can start on the directory.
    await until(() => existsSync(join(gate.directory, "data/control.sock")));
    assert.match(
      (await send(`${gate.adminUrl}/metrics`)).text,
      /^revgate_journal_losses_total 1$/m,
    );
    assert.match(gate.logged(), /it was removed.*the journal's file was changed/);
    assert.equal((await send(`${gate.adminUrl}/readyz`)).status, 200);
    await gate.stop();
    const again = await startGate(t, { upstream: application.url, directory: gate.directory });
    for (const token of [before, after]) {
      const reply = await send(`${again.url}/me`, { headers: { token } });
      assert.equal(reply.json["error"], "token_revoked");
    }
  });

  it("is made again by itself, though nobody logs out", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const headers = { token: makeToken() };
    await send(`${gate.url}/logout`, { method: "POST", headers });
    rmSync(join(gate.directory, "data/journal"));
    await until(() => existsSync(join(gate.directory, "data/journal")));
  });
});
