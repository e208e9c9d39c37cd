import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { outcomes } from "../../src/gateway/visit.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

describe("the admin listener", () => {
  it("says that the process lives and that it is ready", async (t) => {
    const gate = await startGate(t, { upstream: "http://127.0.0.1:1" });
    assert.deepEqual((await send(`${gate.adminUrl}/healthz`)).json, { status: "ok" });
    // The application is down: that is its own probe's business.
    const ready = await send(`${gate.adminUrl}/readyz`);
    assert.deepEqual([ready.status, ready.json], [200, { status: "ready" }]);
  });

  it("answers nothing else, and nothing but GET", async (t) => {
    const gate = await startGate(t, { upstream: "http://127.0.0.1:1" });
    assert.equal((await send(`${gate.adminUrl}/me`)).status, 404);
    assert.equal((await send(`${gate.adminUrl}/metrics`, { method: "POST" })).status, 405);
  });

  it("is not reachable on the port for clients", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      const reply = await send(`${gate.url}${path}`, {
        headers: { "User-Agent": "kube-probe/1.30" },
      });
      assert.equal(reply.status, 401);
    }
  });

  it("has every series from the start, and counts what happens", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url });
    const metrics = async () => (await send(`${gate.adminUrl}/metrics`)).text;
    const before = await metrics();
    for (const outcome of outcomes) {
      assert.ok(before.includes(`revgate_requests_total{outcome="${outcome}"} 0`), outcome);
    }
    for (const trigger of ["route", "unknown_outcome", "recovery", "command", "import"]) {
      assert.ok(before.includes(`revgate_revocations_total{trigger="${trigger}",kind="tok"} 0`));
    }
    assert.match(before, /^revgate_build_info\{version="test",node="v\d+/m);
    assert.match(before, /^process_cpu_seconds_total /m);

    const headers = { token: makeToken() };
    await send(`${gate.url}/me`, { headers });
    await send(`${gate.url}/me`, { headers });
    await send(`${gate.url}/me`);
    await send(`${gate.url}/logout`, { method: "POST", headers });
    await send(`${gate.url}/me`, { headers });
    const after = await metrics();
    // The logout is judged again when its intent is on disk.
    const expected = [
      'revgate_requests_total{outcome="forwarded"} 3',
      'revgate_requests_total{outcome="token_missing"} 1',
      'revgate_requests_total{outcome="token_revoked"} 1',
      'revgate_revocations_total{trigger="route",kind="tok"} 1',
      'revgate_verification_cache_lookups_total{result="hit"} 4',
      'revgate_verification_cache_lookups_total{result="miss"} 1',
      "revgate_check_duration_seconds_count 5",
      "revgate_upstream_duration_seconds_count 3",
      "revgate_hold_duration_seconds_count 1",
      "revgate_holds 0",
      "revgate_denylist_entries 1",
    ];
    for (const line of expected) assert.ok(after.split("\n").includes(line), `${line}\n${after}`);
    assert.match(after, /^revgate_journal_size_bytes [1-9]/m);
    // One for the life that is remembered, one for the intent, one for the revocation.
    assert.match(after, /^revgate_journal_sync_duration_seconds_count 3$/m);
  });
});
