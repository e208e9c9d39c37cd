import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatSparing, maxSpared } from "../../../../src/denylist/cut.ts";
import type { Entry } from "../../../../src/denylist/denylist.ts";
import { manyLines, readFeedLine } from "../../../../src/denylist/redis/feed-line.ts";
import { KeySpace } from "../../../../src/denylist/redis/key-space.ts";
import { maxLineBytes } from "../../../../src/denylist/redis/log-line.ts";

describe("lines of many entries", () => {
  it("are none longer than what is handed over, however much their cut-offs spare", () => {
    const spared = Array.from({ length: maxSpared }, (_, index) => ({
      name: `${"n".repeat(20)}${index + 10}`,
      handedOutUs: 1_764_000_000_000_000,
      after: 1_764_000_000,
    }));
    const sparing = formatSparing({ madeUs: 999_999, spared });
    const entries = Array.from({ length: 500 }, (_, index): Entry => {
      const value = String(index).padStart(43, "x");
      return { kind: "sub", value, expiresAt: 1_764_000_000, cutoff: 1_763_000_000, sparing };
    });
    const lines = manyLines(entries);
    assert.ok(lines.length > 1);
    assert.ok(lines.every(({ line, more }) => line.length + more.length + 10 <= maxLineBytes));
    const keys = new KeySpace("revgate:", { spread: false });
    const read = lines.flatMap(
      ({ line, more }) => readFeedLine(["1-1", ["line", line, "more", more]], keys).entries,
    );
    assert.deepEqual(read, entries);
  });

  it("are one, if they fit", () => {
    const entry = { kind: "tok", value: "v".repeat(43), expiresAt: 1000 } as const;
    assert.equal(manyLines(Array.from({ length: 500 }, () => entry)).length, 1);
    assert.deepEqual(manyLines([]), []);
  });
});
