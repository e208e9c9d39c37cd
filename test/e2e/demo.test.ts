import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runBuilt } from "../helpers/program.ts";

describe("revgate demo", () => {
  it("walks through it, and every step comes out as it says", async () => {
    const { code, stdout, stderr } = await runBuilt(["demo"]);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stdout.match(/^✓/gm)?.length, 10);
    assert.doesNotMatch(stdout, /^✗/m);
    assert.match(stdout, /"error":"token_revoked"/);
    assert.match(stdout, /revgate_requests_total\{outcome="token_revoked"\} 1/);
  });
});
