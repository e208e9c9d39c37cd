import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closingFor } from "../../../src/gateway/message-closing.ts";

describe("the close of a WebSocket", () => {
  it("has the status of the refusal, in the words of each protocol", () => {
    assert.equal(closingFor("json", "token_revoked").code, 4401);
    assert.equal(closingFor("graphql", "token_revoked").code, 4403);
    assert.equal(closingFor("graphql", "request_timeout").code, 4408);
    assert.equal(closingFor("json", "request_ambiguous").code, 4400);
    assert.equal(closingFor("json", "request_too_large").code, 1009);
    for (const reason of ["denylist_unavailable", "internal_error"] as const)
      assert.equal(closingFor("graphql", reason).code, 1013);
  });

  it("comes after a packet in socket.io, if it is known which namespace was meant", () => {
    const packet = (namespace?: string) =>
      closingFor("socket.io", "token_expired", { namespace }).message;
    assert.equal(packet(), undefined);
    assert.equal(packet(""), '44{"message":"token_expired"}');
    assert.equal(packet("/chat"), '44/chat,{"message":"token_expired"}');
    assert.ok(packet("x".repeat(256)));
    assert.equal(packet("x".repeat(257)), undefined);
    assert.equal(closingFor("json", "token_expired", { namespace: "" }).message, undefined);
  });
});
