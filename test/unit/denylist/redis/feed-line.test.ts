import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  entryLine,
  loggedLine,
  lostLine,
  manyLine,
  type NewLine,
  readFeedLine,
} from "../../../../src/denylist/redis/feed-line.ts";
import { KeySpace } from "../../../../src/denylist/redis/key-space.ts";
import { readStreamLines } from "../../../../src/denylist/redis/log-line.ts";
import { hostileNumbers, hostileTexts } from "../../../attacks/fuzzers/hostile.ts";

const keys = new KeySpace("revgate:", { spread: true });
const hash = "a".repeat(43);
const entry = { kind: "tok", value: hash, expiresAt: 1764000000 } as const;
const read = (...fields: unknown[]) => readFeedLine(["5-1", fields], keys);
const readBack = ({ line, more }: NewLine) => read("line", line, "more", more);

/** What a line says, in a word, whether a sidecar of this form has written it or one of an older form. */
function kindOf(text: string): string {
  const [old, own] = [read("line", text), read("line", text, "more", "-")];
  const [kind, same] = [old, own].map(({ ignored, lost, entries }) => {
    if (ignored !== undefined) return "ignored";
    if (lost !== undefined) return "lost";
    return entries.length > 0 ? "entry" : "epoch";
  });
  assert.equal(kind, same);
  return kind ?? "";
}

describe("a line of the feed", () => {
  it("is a revocation, a loss of a shard that there is, or an epoch", () => {
    assert.equal(kindOf(`tok ${hash} 1764000000`), "entry");
    assert.equal(kindOf(`sub ${hash} 1764000000 1763000000`), "entry");
    assert.equal(kindOf("lost A"), "lost");
    assert.equal(kindOf("epoch b3f0"), "epoch");
  });

  it("says nothing where no revgate can have written it", () => {
    const wrong = [
      ...hostileNumbers
        .filter((number) => !/^[1-9]\d{0,9}$/.test(number) || Number(number) >= 2 ** 32)
        .flatMap((number) => [`tok ${hash} ${number}`, `sub ${hash} 1764000000 ${number}`])
        // A cut-off at the beginning of time is one.
        .filter((text) => !/ 00?$/.test(text) || text.startsWith("tok")),
      ...hostileTexts
        .filter((text) => text !== hash && text !== "A".repeat(43))
        .map((name) => `tok ${name} 1764000000`),
      ...hostileTexts.flatMap((text) => [`lost ${text}`, text]),
      ...[`tok ${hash.slice(1)}\n 1`, `tok ${hash} 1764000000 1`, `sub ${hash} 1764000000`],
      ...["lost A\nb", "lost {A}", "lost AA", "epoch a b", "epoch a\nb", `evil ${hash} 1764000000`],
    ];
    for (const text of wrong) assert.equal(kindOf(text), "ignored", JSON.stringify(text));
  });

  it("comes back as it was written", () => {
    assert.deepEqual(readBack(entryLine(entry)).entries, [entry]);
    assert.equal(readBack(entryLine(entry, { announced: true })).announced, true);
    const tail = { id: "7-0", text: "put abc" };
    assert.deepEqual(readBack(loggedLine(entry, "A", tail)).logged, { shard: "A", tail });
    const others = [entry, { ...entry, value: "b".repeat(43) }];
    assert.deepEqual(readBack(manyLine(others)).entries, others);
    assert.equal(readBack(manyLine(others)).announced, false);
    assert.equal(readBack(manyLine(others, { announced: true })).announced, true);
    assert.equal(readBack(lostLine("A")).lost, "A");
    for (const line of [entryLine(entry), lostLine("A")]) {
      assert.equal(readBack(line).old, false);
      assert.equal(read("line", line.line).old, true);
    }
    assert.equal(read("line", "epoch abc").old, false);
  });

  it("keeps what can be read of many, and tells the rest", () => {
    const { entries, ignored } = read("line", "many x", "more", `-\ntok ${hash} 1764000000\nevil`);
    assert.deepEqual(entries, [entry]);
    assert.equal(ignored, "evil");
  });

  it("believes no place in a log that is none", () => {
    for (const mark of ["at A 1", "at AA 1-0", "at A 1-0x", `at A ${"9".repeat(21)}-0`]) {
      assert.equal(read("line", `tok ${hash} 1764000000`, "more", mark).logged, undefined);
    }
  });

  it("has one field called line, and at most one called more", () => {
    const text = `tok ${hash} 1764000000`;
    for (const fields of [
      [],
      ["line"],
      ["line", text, "line", text],
      ["other", text],
      ["line", 1],
      ["line", text, "more"],
      ["line", text, "more", 1],
      ["line", text, "more", "-", "x", "y"],
    ]) {
      assert.notEqual(read(...fields).ignored, undefined, JSON.stringify(fields));
    }
  });
});

describe("a reading of the feed", () => {
  it("is refused where it is none", () => {
    for (const reply of [undefined, null, "OK", [["0-1"]], ["0-1"], [[1, []]]]) {
      assert.throws(() => readStreamLines(reply), { code: "store_unavailable" });
    }
  });
});
