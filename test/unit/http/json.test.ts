import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maxJsonDepth, maxJsonLength, readJson } from "../../../src/http/json.ts";
import { fc } from "../../helpers/fast-check.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

describe("readJson", () => {
  it("reads what JSON.parse reads", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        fc.pre(!/\d{16}/.test(text));
        assert.deepEqual(readJson(text), JSON.parse(text));
      }),
    );
  });

  it("reads nothing that JSON.parse does not", () => {
    const notJson = ["", "{", "01", '{"a":1,}', "{12345678901234567890:1}", '"a', "1 2", "\\"];
    for (const text of notJson) assert.equal(readJson(text), undefined, text);
  });

  it("reads nothing that is nested deeper than its bound, whatever it is made of", () => {
    assert.notEqual(readJson(nested(maxJsonDepth)), undefined);
    assert.equal(readJson(nested(maxJsonDepth + 1)), undefined);
    assert.equal(readJson(`{"a":`.repeat(maxJsonDepth + 1)), undefined);
    assert.equal(readJson(nested(1_000_000)), undefined);
    assert.notEqual(readJson(`"${"[".repeat(1000)}"`), undefined);
    assert.equal(readJson(`["\\\\",${nested(maxJsonDepth)}]`), undefined);
  });

  it("does not read a text beyond its length", () => {
    assert.equal(readJson(`"${"x".repeat(maxJsonLength)}"`), undefined);
  });

  it("keeps integers beyond 2^53 as the digits that were written", () => {
    const text =
      '{"a":9007199254740991,"b":9007199254740993,"c":[-12345678901234567890],"d":"9007199254740993"}';
    assert.deepEqual(readJson(text), {
      a: 9007199254740991,
      b: "9007199254740993",
      c: ["-12345678901234567890"],
      d: "9007199254740993",
    });
  });

  it("leaves other numbers what they are", () => {
    const text = "[0.12345678901234567890,1e21,1.0,123456789012345678e2,-0,1234567890123456]";
    assert.deepEqual(readJson(text), JSON.parse(text));
  });

  it("takes no longer than linear time for strings full of escapes", () => {
    const startedMs = performance.now();
    readJson(`"${'\\\\\\"'.repeat(1_000_000)}"`);
    assert.ok(performance.now() - startedMs < 10_000);
  });
});
