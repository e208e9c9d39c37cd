import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compareForms, formatForms, parseForms } from "../../../src/denylist/name-forms.ts";
import { createNames } from "../../../src/token/names.ts";
import { hostileTexts } from "../../attacks/fuzzers/hostile.ts";

/** What stands in the store after sidecars with these forms have looked, one after the other, for a while. */
function settle(held: readonly string[], ...sidecars: readonly (readonly string[])[]) {
  const seen = new Set<string>();
  let now = held;
  for (let round = 0; round < 5; round += 1) {
    for (const own of sidecars) {
      const verdict = compareForms(now, own);
      if (verdict.kind === "strangers") return "strangers";
      if (verdict.kind === "write") now = verdict.forms;
    }
    seen.add(formatForms(now));
  }
  assert.equal(seen.size, 1, "they take turns for ever");
  return formatForms(now);
}

describe("the forms of names", () => {
  it("are those of the first who comes", () => {
    assert.equal(settle([], ["b", "a"]), "b a");
  });

  it("are changed one sidecar after the other, forth and back", () => {
    assert.equal(settle(["a"], ["a"], ["b", "a"]), "b a");
    assert.equal(settle(["b", "a"], ["b", "a"], ["b"]), "b");
    assert.equal(settle(["b", "a"], ["a"], ["b", "a"]), "b a");
    assert.equal(
      settle(["plain", "0.1"], ["key", "plain", "0.1"], ["plain", "0.1"]),
      "key plain 0.1",
    );
  });

  it("are another sidecar's where nothing is in common", () => {
    assert.equal(settle(["a"], ["b"]), "strangers");
    assert.equal(settle(["a"], ["a"], ["b", "a"], ["b"], ["a"]), "strangers");
    assert.equal(settle(["key"], ["plain", "0.1"]), "strangers");
  });

  it("are read as they were written, and nothing else is", () => {
    const { forms } = createNames({
      key: Buffer.alloc(32, 1),
      formerKey: Buffer.alloc(32, 2),
      formerNames: true,
    });
    assert.equal(forms.length, 4);
    assert.deepEqual(parseForms(formatForms(forms)), forms);
    for (const text of [...hostileTexts, "unreadable!", "a  b", "a\nb", "a ".repeat(9)]) {
      if (!/^\w{1,60}$/.test(text)) assert.deepEqual(parseForms(text), [], JSON.stringify(text));
    }
  });
});
