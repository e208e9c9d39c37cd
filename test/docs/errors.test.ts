import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { refusals } from "../../src/gateway/refusals.ts";
import { refusalReasons } from "../../src/gateway/verdict.ts";
import { repository } from "../helpers/program.ts";

const text = readFileSync(join(repository, "docs/errors.md"), "utf8");

describe("docs/errors.md", () => {
  it("has a heading for each refusal, in the order of the code, and no other", () => {
    const headings = [...text.matchAll(/^## (\w+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings, [...refusalReasons]);
  });

  it("states status and texts as they are sent", () => {
    for (const reason of refusalReasons) {
      const { status, en, zh, "zh-CN": shown } = refusals[reason];
      const texts = [en, zh, shown].map((each) => `\`${each}\``).join(" — ");
      assert.ok(text.includes(`## ${reason}\n\n${status} — ${texts}\n`), reason);
    }
  });
});
