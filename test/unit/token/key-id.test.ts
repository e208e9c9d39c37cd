import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isKeyId } from "../../../src/token/key-id.ts";

describe("a kid that can be kept", () => {
  it("has at most 1,024 characters, and is no list or object", () => {
    for (const kid of ["", "a", "x".repeat(1024), undefined, null, 7, true])
      assert.ok(isKeyId(kid), String(kid));
    for (const kid of ["x".repeat(1025), ["a"], { a: 1 }]) assert.ok(!isKeyId(kid), String(kid));
  });
});
