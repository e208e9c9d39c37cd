import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isPathPattern, namedSegments } from "../../../src/gateway/path-pattern.ts";

describe("a pattern of paths", () => {
  it("is a path in the form in which requests are matched", () => {
    for (const pattern of ["/", "/a", "/a/", "/users/{id}", "/users/*/x", "/static/*", "/%C3%A9"])
      assert.equal(isPathPattern(pattern), true, pattern);
    const others = [
      "a",
      "/a/../b",
      "/%61",
      "/a//b",
      "/a;b",
      "/a%2fb",
      "/a?b",
      "/a*",
      "/{a}b",
      "/{}",
    ];
    for (const pattern of others) assert.equal(isPathPattern(pattern), false, pattern);
  });

  it("has names at segments", () => {
    assert.deepEqual(
      [...namedSegments("/users/{id}/{x}")],
      [
        ["id", 2],
        ["x", 3],
      ],
    );
  });
});
