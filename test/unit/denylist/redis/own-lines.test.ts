import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { entryLine, manyLine, readFeedLine } from "../../../../src/denylist/redis/feed-line.ts";
import { KeySpace } from "../../../../src/denylist/redis/key-space.ts";
import { OwnLines } from "../../../../src/denylist/redis/own-lines.ts";

const entry = { kind: "tok", value: "a".repeat(43), expiresAt: 1_764_000_000 } as const;
const keys = new KeySpace("revgate:", { spread: false });

describe("lines of many entries that a sidecar has written itself", () => {
  it("are not read once more, and are no longer its own when they were", () => {
    const own = new OwnLines();
    const [line, other] = [manyLine([entry]), manyLine([entry])];
    own.note([line, entryLine(entry)]);
    const read = ({ line: text, more }: typeof line) =>
      readFeedLine(["5-1", ["line", text, "more", more]], keys, (each) => own.take(each)).entries;
    assert.deepEqual(read(line), []);
    assert.deepEqual(read(line), [entry]);
    assert.deepEqual(read(other), [entry]);
    assert.deepEqual(read(entryLine(entry)), [entry]);
  });

  it("are forgotten if ten thousand others came behind them and were not read either", () => {
    const own = new OwnLines();
    const lines = Array.from({ length: 10_001 }, () => manyLine([]));
    for (const line of lines) own.note([line]);
    assert.equal(own.take(lines[0]?.line ?? ""), false);
    assert.equal(own.take(lines[1]?.line ?? ""), true);
    assert.equal(own.take(lines.at(-1)?.line ?? ""), true);
  });
});
