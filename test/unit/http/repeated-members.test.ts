import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hasRepeatedMember } from "../../../src/http/repeated-members.ts";
import { fc } from "../../helpers/fast-check.ts";

const claims = { outermostOnly: true, anyCase: false };
const anywhere = { outermostOnly: false, anyCase: true };

describe("a member that is given twice", () => {
  it("is found in the outermost object, however it is spelled", () => {
    for (const text of [
      '{"a":1,"a":2}',
      '{"a":1,"b":{},"\\u0061":2}',
      '{"":1,"":2}',
      '{"a":[1],"a":1}',
    ]) {
      assert.equal(hasRepeatedMember(text, claims), true, text);
      assert.equal(hasRepeatedMember(text, anywhere), true, text);
    }
  });

  it("counts further in, and in another letter case, only where that is asked", () => {
    for (const text of [
      '{"x":{"a":1,"a":2}}',
      '[{"a":1,"a":2}]',
      '{"a":1,"A":2}',
      '{"s":1,"\u017f":2}',
    ]) {
      assert.equal(hasRepeatedMember(text, claims), false, text);
      assert.equal(hasRepeatedMember(text, anywhere), true, text);
    }
  });

  it("is not what stands in a value, in a list, or in another object", () => {
    const texts = [
      '{"a":"a","b":"\\"a\\":1,\\"a\\":2"}',
      '{"a":["a","a"]}',
      '{"a":{"a":{"a":1}},"b":{"a":1}}',
      '[{"a":1},{"a":1}]',
      '"a"',
      "1",
    ];
    for (const text of texts) {
      assert.equal(hasRepeatedMember(text, claims), false, text);
      assert.equal(hasRepeatedMember(text, anywhere), false, text);
    }
  });

  it("is in no text that was written from a value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(
          hasRepeatedMember(JSON.stringify(value), { ...anywhere, anyCase: false }),
          false,
        );
      }),
    );
  });
});
