import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRedirection } from "../../../src/gateway/page-redirection.ts";
import type { RefusalReason } from "../../../src/gateway/verdict.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

const redirection = createRedirection({ redirect: "/login", clearCookies: ["a", "b"] });

/** The headers that answer a page's request with these lines. */
function answer(
  reason: RefusalReason,
  lines: readonly string[],
  { method = "GET", credential = "" } = {},
): readonly string[] | undefined {
  const headers = new HeaderList(["Accept", "text/html,*/*", ...lines]);
  const refusedCredential = credential === "" ? undefined : credential;
  return redirection(reason, { request: { method, headers }, refusedCredential })?.headers;
}
const cleared = (headers: readonly string[] = []) =>
  headers.filter((_, index) => headers[index - 1] === "Set-Cookie");

describe("a page that is refused", () => {
  it("is redirected if a browser asks for it and its token is what is wrong", () => {
    assert.deepEqual(answer("token_missing", [])?.slice(0, 2), ["Location", "/login"]);
    assert.ok(answer("token_missing", [], { method: "HEAD" }));
    assert.equal(answer("token_missing", [], { method: "POST" }), undefined);
    assert.equal(answer("denylist_unavailable", []), undefined);
    const json = { method: "GET", headers: new HeaderList(["Accept", "application/json"]) };
    const none = { request: json, refusedCredential: undefined };
    assert.equal(redirection("token_missing", none), undefined);
    const unknown = { request: undefined, refusedCredential: undefined };
    assert.equal(redirection("token_missing", unknown), undefined);
    assert.equal(createRedirection(undefined)("token_missing", none), undefined);
  });

  it("loses the cookies that hold the token that was refused, and no others", () => {
    const clearedBy = (reason: RefusalReason, cookies: string, credential: string) =>
      cleared(answer(reason, ["Cookie", cookies], { credential }));
    assert.deepEqual(clearedBy("token_revoked", "a=x; b=y; c=x", "x"), ["a=; Path=/; Max-Age=0"]);
    assert.deepEqual(clearedBy("token_expired", "a=x; b=Bearer x", "x"), [
      "a=; Path=/; Max-Age=0",
      "b=; Path=/; Max-Age=0",
    ]);
    assert.deepEqual(clearedBy("token_invalid", "b=Bearer+x", "x"), ["b=; Path=/; Max-Age=0"]);
    assert.deepEqual(clearedBy("token_revoked", "a=y", "x"), []);
    assert.deepEqual(clearedBy("token_ambiguous", "a=x", "x"), []);
  });
});
