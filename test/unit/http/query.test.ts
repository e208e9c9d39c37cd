import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { queryValues, withoutQueryFields } from "../../../src/http/query.ts";

const fields = (count: number) => Array.from({ length: count }, (_, i) => `f${i}=0`).join("&");

describe("a query string", () => {
  it("has a value for a name, or several where servers may read several", () => {
    assert.deepEqual(queryValues("/a?token=x&b=y", "token"), ["x"]);
    assert.deepEqual(queryValues("/a?token=x&token=y", "token"), ["x", "y"]);
    assert.equal(queryValues("/a?b=y;token=x", "token").length, 2);
    assert.deepEqual(queryValues("/a", "token"), []);
  });

  it("has several for every name if it has more than 1,000 fields", () => {
    assert.deepEqual(queryValues(`/a?${fields(999)}&token=x`, "token"), ["x"]);
    assert.equal(queryValues(`/a?${fields(1000)}&token=x`, "token").length, 2);
    assert.equal(queryValues(`/a;${";".repeat(1000)}`, "token").length, 2);
  });

  it("is left without fields by name, however a name is spelled, and the rest as it was sent", () => {
    const names = new Set(["token"]);
    const without = (query: string) => withoutQueryFields(`/a?${query}`, names);
    assert.equal(without("a=%62&token=x&b"), "/a?a=%62&b");
    assert.equal(without("Token=x&%74oken=y&token[]=z&token"), "/a");
    assert.equal(without("a&toke&tokens=1"), "/a?a&toke&tokens=1");
    assert.equal(without(`${fields(2000)}&token=x`), `/a?${fields(2000)}`);
  });
});
