import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  formatRecord,
  type JournalRecord,
  parseRecord,
} from "../../../../src/denylist/journal/record.ts";

const entry = { kind: "tok", value: "a".repeat(43), expiresAt: 1_764_000_000 } as const;
const records: JournalRecord[] = [
  { verb: "revoked", entry },
  { verb: "intent", id: 17, entry },
  { verb: "settled", id: 17 },
  { verb: "shared", entry: { ...entry, kind: "sub", cutoff: 1_763_000_000 } },
  { verb: "acked", name: { kind: "tok", value: entry.value } },
  { verb: "known", shard: "A", epoch: "b3f0" },
];

describe("journal records", () => {
  it("read back what was written", () => {
    for (const record of records) {
      const line = formatRecord(record);
      assert.ok(line.endsWith("\n"));
      assert.deepEqual(parseRecord(line.slice(0, -1)), record);
    }
  });

  it("never end an entry early", () => {
    const line = formatRecord({ verb: "revoked", entry: { ...entry, expiresAt: 10.1 } });
    assert.deepEqual(parseRecord(line.slice(0, -1)), {
      verb: "revoked",
      entry: { ...entry, expiresAt: 11 },
    });
  });

  it("notice every change of a single character, and every cut", () => {
    for (const record of records) {
      const line = formatRecord(record).slice(0, -1);
      for (let at = 0; at < line.length; at += 1) {
        const changed = `${line.slice(0, at)}${line[at] === "0" ? "1" : "0"}${line.slice(at + 1)}`;
        assert.equal(parseRecord(changed), undefined, changed);
        assert.equal(parseRecord(line.slice(0, at)), undefined);
      }
    }
  });
});
