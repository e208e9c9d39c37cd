import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { shapeOf } from "../../../src/gateway/route-shape.ts";
import { findTokens } from "../../../src/gateway/tokens-anywhere.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { makeToken } from "../../helpers/tokens.ts";

describe("the shape of a path", () => {
  const shapes: [string, string | undefined][] = [
    ["/articles/17?page=2", "/articles/{id}"],
    ["/users/8f14e45f-ceea-467f-a8d1-3a0e2c5d9b11/posts/9", "/users/{id}/posts/{id2}"],
    ["/files/0123456789abcdef0123", "/files/{id}"],
    [`/-/user/token/${makeToken()}`, "/-/user/token/{id}"],
    ["/v2/login", "/v2/login"],
    ["/a%20b", "/a%20b"],
    ["/a{b}", undefined],
    ["/a*", undefined],
    ["*", undefined],
  ];
  for (const [target, shape] of shapes) {
    it(`is ${shape ?? "none"} for ${target.slice(0, 40)}`, () =>
      assert.equal(shapeOf(target), shape));
  }
});

describe("tokens anywhere in a request", () => {
  const token = makeToken();
  const found = (lines: readonly string[], target = "/") =>
    findTokens(new HeaderList(lines), target).map(({ source, credential }) => {
      assert.equal(credential, token);
      return source;
    });

  it("are found as tokens.from would name their place", () => {
    assert.deepEqual(found(["Authorization", `Bearer ${token}`]), [
      { header: "authorization", scheme: "Bearer" },
    ]);
    assert.deepEqual(found(["X-Auth", token]), [{ header: "x-auth" }]);
    assert.deepEqual(found(["Cookie", `a=b; session=${token}; x="Bearer ${token}"`]), [
      { cookie: "session" },
      { cookie: "x", scheme: "Bearer" },
    ]);
    assert.deepEqual(found([], `/ws?access_token=${token}`), [{ query: "access_token" }]);
  });

  it("are none in what only looks like it", () => {
    assert.deepEqual(found(["Host", "a.b.c", "Authorization", "Basic YTpi"], "/a.b.c?q=1.2.3"), []);
  });
});
