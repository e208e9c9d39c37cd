import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countSeen, isNeverCarried, sumOfSeen } from "../../../src/token/seen-tokens.ts";

const token = { id: "x", expiresAt: 1, notBefore: undefined, issuedAt: undefined };

describe("tokens that were seen", () => {
  it("are counted by what can end them, and summed", () => {
    const [here, there] = [
      { tokens: 0, subject: 0, sid: 0, jti: 0 },
      { tokens: 5, subject: 4, sid: 3, jti: 2 },
    ];
    countSeen(here, { ...token, subject: "s" });
    countSeen(here, { ...token, subject: undefined, sid: "d", jti: "j" });
    assert.deepEqual(here, { tokens: 2, subject: 1, sid: 1, jti: 1 });
    assert.deepEqual(sumOfSeen(here, there), { tokens: 7, subject: 5, sid: 4, jti: 3 });
  });

  it("tell what no token carries only once there were any", () => {
    const none = { tokens: 0, subject: 0, sid: 0, jti: 0 };
    assert.equal(isNeverCarried("sid", none), false);
    assert.equal(isNeverCarried("sid", { ...none, tokens: 1 }), true);
    assert.equal(isNeverCarried("sid", { ...none, tokens: 1, sid: 1 }), false);
  });
});
