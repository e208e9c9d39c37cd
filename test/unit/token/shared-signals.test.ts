import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readSignal } from "../../../src/token/events/shared-signals.ts";

const revoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/** Whose tokens an event ends that knows its subject by several names. */
function namesOf(count: number) {
  const identifiers = Array.from({ length: count }, (_, i) => ({ format: "jwt_id", jti: `${i}` }));
  const payload = { sub_id: { format: "aliases", identifiers } };
  return readSignal({ payload, events: { [revoked]: {} } } as never, "sub");
}

describe("the subject of an event", () => {
  it("may have many names, but not as many as would make its issuer's share worth nothing", () => {
    assert.equal(namesOf(100).length, 100);
    assert.throws(() => namesOf(101), /expected 100 names of its subject at most/);
  });
});
