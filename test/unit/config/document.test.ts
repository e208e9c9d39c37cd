import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readDocument } from "../../../src/config/document.ts";
import { fc } from "../../helpers/fast-check.ts";

const read = (source: string, environment: Record<string, string> = {}) =>
  readDocument("revgate.yaml", source, environment);

describe("an environment variable in a configuration", () => {
  const kinds = [
    ["8080", 8080],
    [" 8080 ", 8080],
    ["0x10", 16],
    ["true", true],
    ["", null],
    ["~", null],
    ["plain text", "plain text"],
    ["{ publicKeyFile: mine.pem }", "{ publicKeyFile: mine.pem }"],
    ["[a, b]", "[a, b]"],
    ["a: b", "a: b"],
    ["- a", "- a"],
    ["secret # 1", "secret # 1"],
    ["#secret", "#secret"],
    ["'quoted'", "'quoted'"],
    ['"quoted"', '"quoted"'],
    ["*alias", "*alias"],
    ["&anchor x", "&anchor x"],
    ["!!int 3", "!!int 3"],
    ["a\nb: c", "a\nb: c"],
    ["---\na", "---\na"],
    ["%YAML 1.1", "%YAML 1.1"],
    ["|", "|"],
    ["<<", "<<"],
  ] as const;
  for (const [text, value] of kinds) {
    it(`is one value and nothing else: ${JSON.stringify(text)}`, () => {
      const document = read("key: ${NAME}\nlist:\n  - x\n  - ${NAME}", { NAME: text });
      assert.deepEqual(document.problems, []);
      assert.deepEqual(document.value, { key: value, list: ["x", value] });
    });
  }

  it("is text where it is quoted, or where there is more text", () => {
    const source = "a: '${NAME}'\nb: \"${NAME}\"\nc: x${NAME}";
    assert.deepEqual(read(source, { NAME: "1" }).value, { a: "1", b: "1", c: "x1" });
  });

  it("is never structure, whatever it holds", () => {
    const unit = fc.constantFrom(..."{}[],:#&*!|>'\"%@`-?\n\r\t ~ab1".split(""));
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
        const { value, problems } = read("key: ${NAME}", { NAME: text });
        assert.deepEqual(problems, []);
        const { key, ...others } = value as { key: unknown };
        assert.ok(key === null || typeof key !== "object", JSON.stringify(key));
        assert.deepEqual(others, {});
      }),
    );
  });
});

describe("a configuration that can't be read", () => {
  const bomb = Array.from(
    { length: 9 },
    (_, i) =>
      `a${i}: &a${i} [${
        i === 0
          ? "x"
          : Array(9)
              .fill(`*a${i - 1}`)
              .join()
      }]`,
  ).join("\n");
  const cases = [
    ["aliases of aliases that multiply", bomb, /^revgate\.yaml:2:\d+: Excessive alias count/],
    ["an alias to nothing", "a: 1\nb: *nothing", /^revgate\.yaml:2:4: Unresolved alias/],
    ["an alias within itself", "a: &a [ *a ]", /^revgate\.yaml:1:9: .*an alias contains itself/],
    ["nesting beyond any setting's", "[".repeat(70) + "]".repeat(70), /64 deep at most/],
    ["nesting beyond any stack", "[".repeat(100_000), /^revgate\.yaml:1:\d+: nested too deep/],
    ["a map that never ends", "{a: ".repeat(100_000), /^revgate\.yaml:1:\d+: nested too deep/],
  ] as const;
  for (const [what, source, expected] of cases) {
    it(`says where and why: ${what}`, () => {
      const { problems } = read(source);
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] ?? "", expected);
    });
  }

  it("may have aliases that stand for something", () => {
    const { value, problems } = read("a: &a { b: 1 }\nc: [*a, *a]");
    assert.deepEqual([value, problems], [{ a: { b: 1 }, c: [{ b: 1 }, { b: 1 }] }, []]);
  });
});
