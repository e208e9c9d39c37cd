import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readFeedLine, readFeedReply } from "../../../../src/denylist/redis/feed-line.ts";
import { KeySpace } from "../../../../src/denylist/redis/key-space.ts";
import { hostileNumbers, hostileTexts } from "../../../attacks/fuzzers/hostile.ts";

const keys = new KeySpace("revgate:", { spread: true });
const hash = "a".repeat(43);
const kindOf = (text: string) => readFeedLine(["line", text], keys).kind;

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

  it("has one field, called line", () => {
    const text = `tok ${hash} 1764000000`;
    for (const fields of [
      [],
      ["line"],
      ["line", text, "line", text],
      ["other", text],
      ["line", 1],
    ]) {
      assert.equal(readFeedLine(fields, keys).kind, "ignored", JSON.stringify(fields));
    }
  });
});

describe("a reading of the feed", () => {
  it("is refused where it is none", () => {
    const replies = [
      undefined,
      null,
      [],
      [[], 1],
      [[], "1", []],
      [[], 1, [["0-1"]]],
      [[], 1, ["0-1"]],
    ];
    for (const reply of replies) {
      assert.throws(() => readFeedReply(reply, keys), { code: "store_unavailable" });
    }
  });
});
