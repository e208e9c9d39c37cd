import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { notesOn } from "../../../src/config/notes.ts";
import { configSchema } from "../../../src/config/schema.ts";

const tokens = { keys: [{ publicKeyFile: "a.pem" }] };

/** Where and what is wrong with settings if gateways only ask; nothing is if they do not. */
function problemsOf(settings: object): string[] {
  assert.equal(configSchema.safeParse({ tokens, ...settings }).error, undefined);
  const { error } = configSchema.safeParse({ tokens, ...settings, decisions: {} });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

const rule = (more: object) => ({ routes: [{ path: "/a", ...more }] });
const revoking = { revoke: "token" };
const login = { access: "public", handsOut: [{ responseJson: "/a" }] };

describe("beside decisions", () => {
  const refused: readonly [string, object, RegExp][] = [
    ["routes.0.from.0.requestJson", { from: [{ requestJson: "/a" }] }, /body/],
    ["routes.0.alsoRevoke.0.form", { ...revoking, alsoRevoke: [{ form: "a" }] }, /body/],
    ["routes.0.when.requestJson", { ...revoking, when: { requestJson: "/a" } }, /body/],
    ["routes.0.graphql", { ...revoking, graphql: { mutation: "a" } }, /body/],
    ["routes.0.success", { ...revoking, success: { status: [302] } }, /answer/],
    ["routes.0.handsOut", login, /answer/],
    [
      "routes.0.sparing.0.responseJson",
      { revoke: "others", sparing: [{ responseJson: "/a" }] },
      /answer/,
    ],
    ["routes.0.subjectFrom", { revoke: "subject", subjectFrom: { query: "a" } }, /any subject/],
    [
      "routes.0.tokens",
      { ...revoking, from: [{ cookie: "a" }], tokens: "opaque" },
      /any text would be kept/,
    ],
  ];
  for (const [path, settings, why] of refused) {
    it(`no rule may have ${path}`, () => {
      const [problem = "", ...more] = problemsOf(rule(settings));
      assert.ok(problem.startsWith(`${path}: expected `), problem);
      assert.match(problem, why);
      assert.deepEqual(more, []);
    });
  }

  it("no rule may read what an answer hands out, all places at once", () => {
    const settings = { ...login, only: "latest", session: "begins" };
    const places = problemsOf(rule(settings)).map((problem) => problem.split(":")[0]);
    assert.deepEqual(places.sort(), ["routes.0.handsOut", "routes.0.only", "routes.0.session"]);
  });

  it("no refusal may have a status that gateways take for a yes", () => {
    const place = (status: unknown) =>
      problemsOf({ errors: { status } }).map((problem) => problem.split(":")[0]);
    assert.deepEqual(place(200), ["errors.status"]);
    assert.deepEqual(place({ token_missing: 200, token_revoked: 403 }), [
      "errors.status.token_missing",
    ]);
    assert.deepEqual(place(403), []);
  });

  it("nothing may rest on an answer of revgate's own, or on clients' certificates", () => {
    const cors = { preflight: "answer", allowOrigins: ["https://a.example"] };
    assert.match(problemsOf({ cors })[0] ?? "", /^cors\.preflight: /);
    assert.match(problemsOf({ logout: { path: "/out" } })[0] ?? "", /^logout: /);
    const tls = { certFile: "a", keyFile: "b", clientCaFile: "c" };
    assert.match(problemsOf({ listen: { tls } })[0] ?? "", /^listen\.tls\.clientCaFile: /);
  });

  it("answers are seen by ext_proc, and bodies of requests by none", () => {
    const problems = (settings: object) =>
      (
        configSchema.safeParse({ tokens, ...settings, decisions: { question: "ext_proc" } }).error
          ?.issues ?? []
      ).map(({ path }) => path.join("."));
    for (const settings of [
      rule({ ...revoking, success: { responseJson: "/code", in: [0] } }),
      rule({ ...login, session: "begins" }),
      rule({ revoke: "subject", subjectFrom: { query: "a" } }),
      rule({ ...revoking, from: [{ cookie: "a" }], tokens: "opaque" }),
      { logout: { path: "/out" }, errors: { status: 200 } },
      { cors: { preflight: "answer", allowOrigins: ["https://a.example"] } },
    ]) {
      assert.deepEqual(problems(settings), []);
    }
    assert.deepEqual(problems(rule({ from: [{ requestJson: "/a" }] })), [
      "routes.0.from.0.requestJson",
    ]);
    assert.deepEqual(problems(rule({ revoke: "subject", subjectFrom: { form: "a" } })), [
      "routes.0.subjectFrom.form",
    ]);
    const note = notesOn(
      configSchema.parse({ tokens, decisions: { question: "ext_proc" }, ...rule(revoking) }),
    );
    assert.match(note[0]?.message ?? "", /message_timeout to more than denylist\.holdTimeout/);
  });

  it("rules may go by the head of a request, and revoke by the token that it carries", () => {
    for (const settings of [
      { access: "optional" },
      { from: [{ cookie: "a" }], tokens: "opaque" },
      { ...revoking, alsoRevoke: [{ cookie: "a" }], expired: "forward", revoked: "forward" },
      { revoke: "subject", subjectFrom: "carried", access: "public" },
      { revoke: "others", sparing: [{ cookie: "a" }] },
      { ...revoking, when: { host: "a", headers: { b: "c" } } },
    ]) {
      assert.deepEqual(problemsOf(rule(settings)), []);
    }
  });

  it("operators are told that rules count when they are asked, and what gateways pass on", () => {
    const notes = (settings: object) =>
      notesOn(configSchema.parse({ tokens, decisions: {}, ...settings })).map(
        ({ path, message }) => `${path.join(".")}: ${message}`,
      );
    assert.deepEqual(notes(rule({})), []);
    assert.match(notes(rule(revoking))[0] ?? "", /^decisions: .*as soon as a gateway asks/);
    assert.match(notes(rule({ revoke: "subject" }))[1] ?? "", /^routes\.0: .*wrong password/);
    const withheld = notes({ tokens: { ...tokens, forwardCredential: false } });
    assert.match(withheld[0] ?? "", /^tokens\.forwardCredential: .*pass the credential on/);
    const overGrpc = {
      tokens: { ...tokens, forwardCredential: false },
      decisions: { question: "ext_authz" },
    };
    assert.deepEqual(notes(overGrpc), []);
  });
});
