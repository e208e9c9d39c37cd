import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatRevoked, parseRevoked } from "../../../src/denylist/journal-record.ts";

const entry = { kind: "tok", value: "a".repeat(43), expiresAt: 1_764_000_000 } as const;

describe("journal records", () => {
  it("read back what was written", () => {
    const line = formatRevoked(entry);
    assert.ok(line.endsWith("\n"));
    assert.deepEqual(parseRevoked(line.slice(0, -1)), entry);
  });

  it("never end an entry early", () => {
    const line = formatRevoked({ ...entry, expiresAt: 10.1 });
    assert.equal(parseRevoked(line.slice(0, -1))?.expiresAt, 11);
  });

  it("notice every change of a single character", () => {
    const line = formatRevoked(entry).slice(0, -1);
    for (let at = 0; at < line.length; at += 1) {
      const changed = `${line.slice(0, at)}${line[at] === "0" ? "1" : "0"}${line.slice(at + 1)}`;
      assert.equal(parseRevoked(changed), undefined, changed);
      assert.equal(parseRevoked(line.slice(0, at)), undefined);
    }
  });
});
