import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readLogoutToken } from "../../../src/token/events/logout-token.ts";
import type { SecurityEvent } from "../../../src/token/events/security-event.ts";

const name = "http://schemas.openid.net/event/backchannel-logout";
const read = (claims: Record<string, unknown>, events: object = { [name]: {} }, claim = "sub") =>
  readLogoutToken({ payload: { exp: 1, ...claims }, events } as unknown as SecurityEvent, claim);

describe("a logout token", () => {
  it("names a subject, a session, or both", () => {
    assert.deepEqual(read({ sub: "alice" }), { subject: "alice", sid: undefined });
    assert.deepEqual(read({ sid: 7 }), { subject: undefined, sid: "7" });
    assert.deepEqual(read({ sub: "alice", sid: "s" }), { subject: "alice", sid: "s" });
    assert.deepEqual(read({ sub: "a", user: 42 }, undefined, "user"), {
      ...{ subject: "42", sid: undefined },
    });
  });

  it("is refused if it may be another kind of token, or names nothing that could be ended", () => {
    const wrong: readonly [claims: Record<string, unknown>, events: object, why: RegExp][] = [
      [{ sub: "a" }, {}, /expected a logout event/],
      [{ sub: "a", exp: undefined }, { [name]: {} }, /expected exp/],
      [{ sub: "a", nonce: "n" }, { [name]: {} }, /expected no nonce/],
      [{}, { [name]: {} }, /expected sub or sid/],
      [{ sub: "" }, { [name]: {} }, /expected texts as sub and sid, got empty/],
      [{ sub: "a", sid: [1] }, { [name]: {} }, /expected texts as sub and sid, got a list/],
    ];
    for (const [claims, events, why] of wrong)
      assert.throws(() => read(claims, events), { code: "invalid_request", message: why });
    assert.throws(() => read({ sub: "a" }, undefined, "user"), /expected sid or user/);
  });
});
