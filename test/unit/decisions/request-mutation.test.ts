import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hasOtherSpelling, requestMutation } from "../../../src/decisions/request-mutation.ts";
import type { Admitted } from "../../../src/gateway/checks.ts";
import type { Route } from "../../../src/gateway/route.ts";
import type { Visit } from "../../../src/gateway/visit.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

const ownHeaders = new Set(["x-user"]);
const withheld = {
  ...{ headers: new Set(["token"]), cookies: new Set(["session"]) },
  ...{ subprotocols: ["bearer"], queryFields: new Set(["t"]) },
};
const protectedRoute: Route = { access: "protected", revoke: undefined };

function mutation(
  lines: readonly string[],
  { target = "/x", route = protectedRoute, hides = true } = {},
) {
  const visit = { headers: new HeaderList(lines), target } as unknown as Visit;
  const admitted = { kind: "pass", route, token: { headers: ["X-User", "alice"] } };
  const gate = { ownHeaders, withheld: hides ? withheld : undefined };
  return requestMutation(gate, visit, admitted as unknown as Admitted);
}

describe("what a gateway changes in a request", () => {
  it("is who sends it, and what clients may not say or the application not see", () => {
    const spelled = ["X_User", "root", "x-user", "root", "Token", "t"];
    assert.deepEqual(mutation(spelled), { set: ["x-user", "alice"], remove: ["token", "x_user"] });
    assert.deepEqual(mutation([], { hides: false }), { set: ["x-user", "alice"], remove: [] });
    const route: Route = { access: "public", revoke: undefined };
    assert.deepEqual(mutation([], { hides: false, route }), { set: [], remove: ["x-user"] });
  });

  it("leaves out credentials among cookies, subprotocols and fields of the query", () => {
    const cookies = (line: string) => mutation(["Cookie", line]);
    assert.deepEqual(cookies("a=1; session=x").set, ["x-user", "alice", "cookie", "a=1"]);
    assert.deepEqual(cookies("session=x"), {
      set: ["x-user", "alice"],
      remove: ["token", "cookie"],
    });
    assert.deepEqual(cookies("a=1").set, ["x-user", "alice"]);
    assert.deepEqual(mutation(["Cookie", "a=1", "Cookie", "session=x", "Cookie", "b=2"]).set, [
      ...["x-user", "alice", "cookie", "a=1; b=2"],
    ]);
    const offered = mutation(["Sec-WebSocket-Protocol", "bearer, secret, chat"]).set;
    assert.deepEqual(offered.slice(2), ["sec-websocket-protocol", "bearer, chat"]);
    assert.deepEqual(mutation([], { target: "/x?t=1&a=2" }).set.slice(2), [":path", "/x?a=2"]);
    assert.deepEqual(mutation([], { target: "/x?a=2" }).set.length, 2);
  });

  it("asks for JSON as it is if the answer is read", () => {
    const route: Route = {
      ...protectedRoute,
      handsOut: [{ kind: "responseJson", pointer: "/t" }],
    };
    assert.deepEqual(mutation(["Accept", "text/html"], { route }).set.slice(2), [
      ...["accept", "application/json", "accept-encoding", "identity"],
    ]);
  });

  it("can't be told for a header of revgate's own in another spelling", () => {
    const other = (...names: string[]) =>
      hasOtherSpelling({ ownHeaders, withheld }, {
        headers: new HeaderList(names.flatMap((name) => [name, "x"])),
      } as unknown as Visit);
    assert.ok(other("X_User") && other("a", "x_user"));
    assert.ok(!other("X-User", "Token", "A_b"));
  });
});
