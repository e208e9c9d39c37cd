import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readSignal } from "../../../src/token/events/shared-signals.ts";

const revoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

const risc = "https://schemas.openid.net/secevent/risc/event-type";

/** Whose tokens an event of that kind ends, by its subject. */
function whoseOf(sub_id: object, kind = revoked, subjectClaim = "sub") {
  return readSignal({ payload: { sub_id }, events: { [kind]: {} } } as never, subjectClaim);
}

/** Whose tokens an event ends that knows its subject by several names. */
function namesOf(count: number) {
  const identifiers = Array.from({ length: count }, (_, i) => ({ format: "jwt_id", jti: `${i}` }));
  const payload = { sub_id: { format: "aliases", identifiers } };
  return readSignal({ payload, events: { [revoked]: {} } } as never, "sub");
}

describe("the subject of an event", () => {
  const session = { format: "opaque", id: "s1" };
  const user = { format: "iss_sub", iss: "https://id.example", sub: "alice" };
  const alice = { subject: "alice", issuer: "https://id.example" };

  it("of several parts is a session, a user, or both together", () => {
    assert.deepEqual(whoseOf({ format: "complex", session }), [{ sid: "s1" }]);
    assert.deepEqual(whoseOf({ format: "complex", user }), [alice]);
    assert.deepEqual(whoseOf({ format: "complex", session, user }), [{ ...alice, sid: "s1" }]);
    assert.deepEqual(whoseOf({ format: "complex", session: "s1", user }), [alice]);
    assert.deepEqual(whoseOf({ format: "complex", device: session }), []);
  });

  it("is the whole account where the event is about that, whatever session stands beside it", () => {
    const complex = { format: "complex", session, user };
    assert.deepEqual(whoseOf(complex, `${risc}/account-disabled`), [alice]);
    assert.deepEqual(whoseOf(session, `${risc}/sessions-revoked`), [{ subject: "s1" }]);
    assert.deepEqual(whoseOf(session), [{ subject: "s1" }, { sid: "s1" }]);
    assert.deepEqual(whoseOf(complex, `${risc}/account-enabled`), []);
  });

  it("is what the subject claim names, in the formats that can", () => {
    const email = { format: "email", email: "a@example" };
    assert.deepEqual(whoseOf(email), []);
    const [named] = whoseOf(email, revoked, "email");
    assert.deepEqual(named, { subject: "a@example", issuer: undefined });
    assert.deepEqual(whoseOf({ subject_type: "iss-sub", iss: "i", sub: 7 }), [
      { subject: "7", issuer: "i" },
    ]);
    assert.throws(() => whoseOf({ format: 1 }), /expected a text as the format/);
    assert.throws(() => whoseOf("alice" as never), /expected sub_id/);
  });

  it("may have many names, but not as many as would make its issuer's share worth nothing", () => {
    assert.equal(namesOf(100).length, 100);
    assert.throws(() => namesOf(101), /expected 100 names of its subject at most/);
  });
});
