import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { notesOn } from "../../../src/config/notes.ts";
import { configSchema } from "../../../src/config/schema.ts";

function notesFor(...routes: object[]): string[] {
  const tokens = { keys: [{ publicKeyFile: "a.pem" }] };
  const notes = notesOn(configSchema.parse({ tokens, routes }));
  return notes.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

const reset = { path: "/reset", access: "public", revoke: "subject" };

describe("what an operator is told of rules", () => {
  it("is that a subject which the request alone names is kept if the outcome is unknown", () => {
    for (const subjectFrom of [{ requestJson: "/user" }, { form: "user" }]) {
      const success = { responseJson: "/code", in: [0] };
      const [note = "", ...more] = notesFor({ path: "/" }, { ...reset, subjectFrom, success });
      assert.match(note, /^routes\.1: only the request names .* nothing is revoked .*responseJson/);
      assert.deepEqual(more, []);
      const trusting = { ...subjectFrom, onUnknownOutcome: "revoke" };
      assert.match(
        notesFor({ ...reset, subjectFrom: trusting })[0] ?? "",
        /a client that makes the application fail/,
      );
    }
    assert.deepEqual(notesFor({ ...reset, subjectFrom: { responseJson: "/user" } }), []);
  });

  it("is that every 2xx counts if the request alone names the subject and no success is set", () => {
    const notes = notesFor({ ...reset, subjectFrom: { requestJson: "/user" } });
    assert.equal(notes.filter((note) => note.includes("every 2xx counts")).length, 1);
  });

  it("is that a telephone number or an address ends nothing if the tokens name no user by it", () => {
    const success = { responseJson: "/code", in: [0] };
    const told = (subjectFrom: object, tokens: object = {}) =>
      notesOn(
        configSchema.parse({
          tokens: { keys: [{ publicKeyFile: "a.pem" }], ...tokens },
          routes: [{ ...reset, subjectFrom, success }],
        }),
      ).filter(({ message }) => message.includes("tokens' subject claim")).length;
    for (const named of [
      { requestJson: "/phone" },
      { form: "E-Mail" },
      { requestJson: "/user/mobileNo" },
    ]) {
      assert.equal(told(named), 1, JSON.stringify(named));
    }
    assert.equal(told({ requestJson: "/token", claim: "email" }), 1);
    assert.equal(told({ requestJson: "/user" }), 0);
    assert.equal(told({ responseJson: "/phone" }), 0);
    assert.equal(told({ requestJson: "/phone" }, { subjectClaim: "phone_number" }), 0);
  });

  it("is that an optional rule without subjectFrom ends nothing for a request without a token", () => {
    assert.match(
      notesFor({ ...reset, access: "optional" })[0] ?? "",
      /a request without a token revokes nothing here/,
    );
    assert.deepEqual(notesFor({ ...reset, access: "protected" }), []);
  });

  it("is that subjects of several issuers look alike to the application without iss", () => {
    const keys = [{ publicKeyFile: "a.pem" }];
    const partner = { issuer: "https://partner", keys };
    const notes = (forwardClaims: object, issuers: readonly object[] = [partner]) =>
      notesOn(
        configSchema.parse({ tokens: { issuer: "https://main", keys, issuers, forwardClaims } }),
      ).map(({ path }) => path.join("."));
    assert.deepEqual(notes({ sub: "x-user-id" }), ["tokens.forwardClaims"]);
    assert.deepEqual(notes({ sub: "x-user-id", iss: "x-user-issuer" }), []);
    assert.deepEqual(notes({ "/user/id": "x-user-id", "/iss": "x-user-issuer" }), []);
    assert.deepEqual(notes({ sub: "x-user-id" }, []), []);
    assert.deepEqual(notes({}), []);
  });

  it("is that others end with the refresh token, and how long a login takes that ends them", () => {
    const others = { path: "/password", revoke: "others" };
    const unnamed = /a refresh token that comes with it ends/;
    const handedOut = { responseJson: "/token" };
    assert.match(notesFor(others)[0] ?? "", unnamed);
    assert.match(notesFor({ ...others, sparing: [handedOut] })[0] ?? "", unnamed);
    assert.deepEqual(notesFor({ ...others, sparing: [{ cookie: "refresh" }] }), []);
    const login = { path: "/login", access: "public", handsOut: [handedOut] };
    assert.match(notesFor({ ...login, only: "latest" })[0] ?? "", /when its second is over/);
    const some = { ...login, session: "begins", only: { latest: 2 } };
    assert.match(notesFor(some)[0] ?? "", /a logout with revoke: token leaves its session counted/);
    assert.deepEqual(notesFor(login), []);
  });

  it("is that browsers would be sent in circles", () => {
    const keys = [{ publicKeyFile: "a.pem" }];
    const notes = (rule: object, redirect: string) =>
      notesOn(
        configSchema.parse({ tokens: { keys }, routes: [rule], errors: { html: { redirect } } }),
      );
    const login = { path: "/login", access: "public" };
    assert.deepEqual(notes(login, "/login?next=1"), []);
    assert.deepEqual(notes(login, "https://id.example.com/login"), []);
    for (const rule of [
      { ...login, access: "protected" },
      { ...login, methods: ["POST"] },
    ]) {
      assert.match(notes(rule, "/login")[0]?.message ?? "", /in a loop$/);
    }
    assert.equal(notes(login, "/Login").length, 1);
  });

  it("is that opaque tokens are remembered as they come", () => {
    const from = [{ form: "token" }];
    const rule = { path: "/oauth/revoke", from, tokens: "opaque" };
    const [note = ""] = notesFor({ ...rule, revoke: "token" });
    assert.match(note, /limits\.unprovenRevocations/);
    assert.deepEqual(notesFor(rule), []);
    assert.match(notesFor({ path: "/api/*", tokens: "opaque" })[0] ?? "", /no token is verified/);
  });
});
