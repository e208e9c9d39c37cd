import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { breakFiles } from "../helpers/broken-disk.ts";
import { startGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const noSpace = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });

describe("a disk that is full", () => {
  it("makes a logout pending: in force here, said to the operator, durable when there is room", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const headers = { token: makeToken() };
    const metrics = async () => (await send(`${gate.adminUrl}/metrics`)).text;

    const mend = await breakFiles(t, ["write"], noSpace);
    const logout = await send(`${gate.url}/logout`, { method: "POST", headers });
    assert.equal(logout.status, 503);
    assert.equal(logout.json["error"], "revocation_pending");
    assert.equal(logout.headers["retry-after"], "1");
    assert.equal((await send(`${gate.url}/me`, { headers })).json["error"], "token_revoked");
    assert.equal((await send(`${gate.url}/me`, { headers: { token: makeToken() } })).status, 200);
    const unready = await send(`${gate.adminUrl}/readyz`);
    assert.equal(unready.status, 503);
    assert.match(unready.text, /the journal cannot be written: no space left on device/);
    assert.match(await metrics(), /^revgate_journal_failing 1$/m);
    assert.match(await metrics(), /^revgate_holds_withheld_total 1$/m);

    mend();
    await untilReady(gate);
    assert.match(await metrics(), /^revgate_journal_failing 0$/m);
    await gate.stop();
    const again = await startGate(t, { upstream: application.url, directory: gate.directory });
    assert.equal((await send(`${again.url}/me`, { headers })).json["error"], "token_revoked");
  });
});
