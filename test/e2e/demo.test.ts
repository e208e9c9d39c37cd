import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { describe, it } from "node:test";
import { send } from "../helpers/http.ts";
import { repository, runBuilt, startProgram } from "../helpers/program.ts";

describe("revgate demo", () => {
  it("walks through it, and every step comes out as it says", async () => {
    const { code, stdout, stderr } = await runBuilt(["demo"]);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stdout.match(/^✓/gm)?.length, 10);
    assert.doesNotMatch(stdout, /^✗/m);
    assert.match(stdout, /"error":"token_revoked"/);
    assert.match(stdout, /revgate_requests_total\{outcome="token_revoked"\} 1/);
  });

  it("leaves both running with --stay, at the addresses it prints, until it is ended", async (t) => {
    const command = [process.execPath, join(repository, "dist/cli.js"), "demo", "--stay"] as const;
    const ready = /curl -i (http:\S+)\/orders -H "token: \$TOKEN" +# past revgate/;
    const demo = await startProgram(t, command, {}, ready);
    const application = demo.match[1] ?? "";
    const body = JSON.stringify({ user: "bob", password: "builder" });
    const login = await send(`${application}/login`, { method: "POST", body });
    assert.equal(login.status, 200);
    const closed = once(demo.child, "close");
    assert.equal(await demo.end("SIGINT"), 0);
    await closed;
    await assert.rejects(send(`${application}/me`), { code: "ECONNREFUSED" });
  });
});
