import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { redis } from "../../../src/config/settings/redis.ts";
import { type Entry, entryKinds } from "../../../src/denylist/denylist.ts";
import {
  formatRecord,
  isSound,
  type JournalRecord,
  parseRecord,
} from "../../../src/denylist/journal/record.ts";
import { maxGraceMs, stalenessRangeMs } from "../../../src/denylist/redis/store-state.ts";
import { isSoundEntry } from "../../../src/denylist/sound.ts";
import { hostileTexts } from "../../attacks/fuzzers/hostile.ts";
import { fc } from "../../helpers/fast-check.ts";

const hash = "a".repeat(43);
const entry: Entry = { kind: "tok", value: hash, expiresAt: 1_764_000_000 };

/** Names and numbers, right and wrong, in about equal parts. */
const text = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_-]{43}$/),
  fc.constantFrom(...hostileTexts, `${hash}\n`, `${"a".repeat(42)}é`, `${"a".repeat(21)} 1`),
);
const number = fc.oneof(
  fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  fc.double(),
  fc.constantFrom(0, -1, 1e21, 2 ** 32, Number.POSITIVE_INFINITY, Number.NaN),
);
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  kind: fc.constantFrom(...entryKinds),
  value: text,
  expiresAt: number,
  cutoff: fc.option(number, { nil: undefined }),
});
const anyRecord: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.record({ verb: fc.constantFrom("revoked", "shared"), entry: anyEntry }),
  fc.record({ verb: fc.constant("acked"), name: anyEntry }),
  fc.record({ verb: fc.constant("known"), shard: text, epoch: text }),
  fc.record({ verb: fc.constant("intent"), id: number, entry: anyEntry }),
  fc.record({ verb: fc.constant("settled"), id: number }),
);

describe("what is written to the journal", () => {
  it("can be read again, whatever the record is that passed the check", () => {
    let sound = 0;
    fc.assert(
      fc.property(anyRecord, (record) => {
        if (!isSound(record)) return;
        sound += 1;
        // As it is read: byte by byte, line by line.
        const bytes = Buffer.from(formatRecord(record)).toString("latin1");
        const [line = "", ...more] = bytes.split("\n");
        assert.deepEqual(more, [""]);
        const read = parseRecord(line);
        assert.equal(read?.verb, record.verb);
        assert.equal(formatRecord(read as JournalRecord), formatRecord(record));
      }),
      { numRuns: 3000 },
    );
    assert.ok(sound > 300, `${sound}`);
  });
});

describe("a revocation", () => {
  it("has a name of 43 characters and times of 32 bits", () => {
    assert.ok(isSoundEntry(entry));
    assert.ok(isSoundEntry({ ...entry, expiresAt: 2 ** 32 - 1 }));
    assert.ok(isSoundEntry({ ...entry, kind: "sub", cutoff: 0 }));
    const wrong: Entry[] = [
      ...["", hash.slice(1), `${hash}a`, `${hash}\n`, `${hash.slice(1)}é`].map((value) => ({
        ...entry,
        value,
      })),
      ...[0, -1, 1e21, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY].map((expiresAt) => ({
        ...entry,
        expiresAt,
      })),
      { ...entry, kind: "sub" },
      { ...entry, kind: "sub", cutoff: -1 },
      { ...entry, kind: "sub", cutoff: Number.NaN },
      { ...entry, cutoff: 1 },
      { ...entry, kind: "toString" as "tok" },
    ];
    for (const each of wrong) assert.ok(!isSoundEntry(each), JSON.stringify(each));
  });
});

describe("the limits of an epoch", () => {
  it("are those of the settings", () => {
    const accepts = (settings: Record<string, string>) =>
      redis.safeParse({ url: "redis://redis", ...settings }).success;
    const { min, max } = stalenessRangeMs;
    for (const inside of [min, max]) assert.ok(accepts({ staleness: `${inside}ms` }));
    for (const outside of [min - 1, max + 1]) assert.ok(!accepts({ staleness: `${outside}ms` }));
    assert.ok(accepts({ grace: `${maxGraceMs}ms` }));
    assert.ok(!accepts({ grace: `${maxGraceMs + 1}ms` }));
  });
});
