import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mutantsOf, mutated } from "../mutation/mutants.ts";

const changesOf = (source: string) =>
  mutantsOf(source).map((mutant) => mutated(source, mutant).replaceAll("\n", "⏎"));

describe("mutants", () => {
  it("change operators, literals, conditions and calls, one at a time", () => {
    assert.deepEqual(changesOf("a === b && !c;"), [
      "a !== b && !c;",
      "a === b || !c;",
      "a === b && c;",
    ]);
    assert.deepEqual(changesOf("return x < 5 ? true : y ?? z;"), [
      "return x <= 5 ? true : y ?? z;",
      "return x < 6 ? true : y ?? z;",
      "return x < 5 ? false : y ?? z;",
      "return x < 5 ? true : y && z;",
    ]);
    assert.deepEqual(changesOf("if (has(a)) b;"), ["if (!(has(a))) b;"]);
    assert.deepEqual(changesOf("{\n  this.#left.add(a);\n}"), ["{⏎⏎}"]);
  });

  it("leave strings, regular expressions, comments and imports alone", () => {
    const untouched = [
      'const a = "1 === 2 && true";',
      "const a = `$" + "{b} < 5`;",
      "const a = /[!(]1 < 2/;",
      "// 1 < 2",
      'import { a } from "./1.ts";',
    ];
    for (const source of untouched) assert.deepEqual(changesOf(source), [], source);
  });
});
