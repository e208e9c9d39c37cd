import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { painter } from "../../../../src/commands/demo/paint.ts";

describe("colours of the demo", () => {
  const stdout = Object.assign(new PassThrough(), { isTTY: true });

  it("are used on a terminal", () => {
    assert.equal(painter({ stdout, env: {} })("good", "✓"), "\u001b[32m✓\u001b[39m");
  });

  it("are not used elsewhere, nor if the user or the terminal wants none", () => {
    for (const io of [
      { stdout: new PassThrough(), env: {} },
      { stdout, env: { NO_COLOR: "1" } },
      { stdout, env: { TERM: "dumb" } },
    ]) {
      assert.equal(painter(io)("bad", "✗"), "✗");
    }
  });
});
