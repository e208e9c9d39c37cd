import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { claimHeaders } from "../../../src/token/claim-headers.ts";
import { fc } from "../../helpers/fast-check.ts";

const one = new Map([["c", "x-c"]]);

function headerFor(claim: unknown): string | undefined {
  return claimHeaders({ c: claim }, one)[1];
}

describe("claimHeaders", () => {
  const values: [unknown, string | undefined][] = [
    ["alice", "alice"],
    ["Alice B., admin", "Alice B., admin"],
    [42, "42"],
    [true, "true"],
    [["a", "b"], "a,b"],
    [["a,b", "c d"], "a%2Cb,c d"],
    [{ a: 1 }, '{"a":1}'],
    ["Zoë", "Zo%C3%AB"],
    ["100%", "100%25"],
    [" a ", "%20a%20"],
    ["a\r\nX-Admin: 1", "a%0D%0AX-Admin: 1"],
    ["\u0000", "%00"],
    ["\ud800", "%EF%BF%BD"],
    ["x".repeat(1024), "x".repeat(1024)],
    ["x".repeat(1025), undefined],
    ["é".repeat(400), undefined],
    ["", undefined],
    [null, undefined],
    [undefined, undefined],
    [[], undefined],
  ];
  for (const [claim, expected] of values) {
    it(`writes ${JSON.stringify(claim)?.slice(0, 30)}`, () =>
      assert.equal(headerFor(claim), expected));
  }

  it("writes any text so that it can be read back, on one line of ASCII", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 60, unit: "binary" }), (text) => {
        const value = headerFor(text) ?? "";
        assert.match(value, /^[!-~]([ -~]*[!-~])?$/);
        assert.equal(decodeURIComponent(value), Buffer.from(text).toString());
      }),
    );
  });

  it("keeps to the claims that are asked for, and to what the token says itself", () => {
    const asked = new Map([
      ["sub", "x-user"],
      ["toString", "x-b"],
      ["__proto__", "x-c"],
    ]);
    assert.deepEqual(claimHeaders({ sub: "a", role: "admin" }, asked), ["x-user", "a"]);
  });
});
