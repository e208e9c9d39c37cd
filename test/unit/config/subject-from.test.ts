import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { routeRules } from "../../../src/config/routes.ts";
import { configSchema } from "../../../src/config/schema.ts";

const keys = [{ publicKeyFile: "a.pem" }];
const several = {
  keys,
  issuer: "https://main",
  issuers: [{ issuer: "https://other", keys }],
};

function problemsOf(rule: object, tokens: object = { keys }): string[] {
  const routes = [{ path: "/reset", access: "public", ...rule }];
  const parsed = configSchema.safeParse({ tokens, routes });
  return parsed.success ? [] : parsed.error.issues.map((issue) => issue.message);
}

function namespaceOf(subjectFrom: object): string | undefined {
  const routes = [{ path: "/reset", revoke: "subject", subjectFrom }];
  const [rule] = routeRules(configSchema.parse({ tokens: several, routes }));
  return rule?.subjectsFrom?.[0]?.namespace;
}

describe("subjectFrom", () => {
  it("names one place, in one of six ways", () => {
    for (const place of [
      { requestJson: "/user/id" },
      { responseJson: "/a~1b/0" },
      { form: "user" },
      { responseHeader: "X-User" },
      { query: "user" },
      { form: "token", claim: "/user/id" },
      "carried",
    ]) {
      assert.deepEqual(problemsOf({ revoke: "subject", subjectFrom: place }), []);
    }
    const places = "expected one of path, query, requestJson, form, responseJson, responseHeader";
    assert.deepEqual(problemsOf({ revoke: "subject", subjectFrom: {} }), [places]);
    const two = { form: "a", responseHeader: "b" };
    assert.deepEqual(problemsOf({ revoke: "subject", subjectFrom: two }), [places]);
    for (const pointer of ["user", "", "/a~2", "#/a"]) {
      const [problem] = problemsOf({ revoke: "subject", subjectFrom: { requestJson: pointer } });
      assert.match(problem ?? "", /JSON Pointer/, pointer);
    }
  });

  it("names a segment that the rule's path has", () => {
    const rule = { path: "/users/{id}/x", revoke: "subject", subjectFrom: { path: "id" } };
    assert.deepEqual(problemsOf(rule), []);
    const [problem] = problemsOf({ ...rule, subjectFrom: { path: "ID" } });
    assert.match(problem ?? "", /the name of a segment of the rule's path, such as \{ID\}/);
    const from = [{ path: "token" }];
    assert.equal(problemsOf({ path: "/a/{token}", from }).length, 0);
    assert.equal(problemsOf({ path: "/a/{other}", from }).length, 1);
    assert.equal(problemsOf({ path: "/a/x{token}" }).length, 1);
  });

  it("has a claim only in what the request names", () => {
    const subjectFrom = { responseJson: "/a", claim: "sub", onUnknownOutcome: "keep" };
    assert.equal(problemsOf({ revoke: "subject", subjectFrom }).length, 2);
  });

  it("is needed where no token is, or nothing would end", () => {
    const [problem, ...more] = problemsOf({ revoke: "subject" });
    assert.match(problem ?? "", /^expected subjectFrom with access: public and revoke: subject/);
    assert.deepEqual(more, []);
    assert.deepEqual(problemsOf({ revoke: "subject", subjectFrom: "carried" }), []);
    assert.deepEqual(problemsOf({ revoke: "subject", access: "protected" }), []);
    assert.deepEqual(problemsOf({ revoke: "token" }), []);
  });

  it("needs revoke: subject beside it", () => {
    const subjectFrom = { form: "user" };
    for (const rule of [{ subjectFrom }, { subjectFrom, revoke: "token" }]) {
      assert.match(
        problemsOf(rule)[0] ?? "",
        /^expected revoke: subject or revoke: others beside it/,
      );
    }
  });

  it("is not all that a rule needs which ends others", () => {
    const handsOut = [{ responseJson: "/token" }];
    const sparing = [{ cookie: "refresh" }, ...handsOut];
    const rules: [object, RegExp | undefined][] = [
      [{ access: "protected", revoke: "others" }, undefined],
      [{ access: "protected", revoke: "others", sparing }, undefined],
      [{ revoke: "others", subjectFrom: { responseJson: "/user" }, sparing: handsOut }, undefined],
      [{ revoke: "others" }, /^expected subjectFrom with access: public and revoke: others/],
      [{ access: "protected", revoke: "subject", sparing }, /^expected revoke: others beside it/],
      [{ access: "protected", revoke: "others", alsoRevoke: handsOut }, /./],
      [{ access: "protected", revoke: "others", sparing: [{ path: "id" }] }, /segment of the rule/],
      [{ access: "protected", revoke: "others", sparing: [{}] }, /^expected one of header/],
      [{ only: "latest", handsOut }, undefined],
      [{ only: "latest" }, /^expected handsOut beside it/],
      [{ only: { latest: 3 }, handsOut, session: "begins" }, undefined],
      [{ only: { latest: 3 }, session: "begins" }, /^expected handsOut beside it/],
      [{ only: { latest: 3 }, handsOut }, /^expected session: begins beside it/],
      [
        { access: "protected", only: { latest: 3 }, handsOut, session: "continues" },
        /^expected session: begins beside it/,
      ],
      [{ only: { latest: 0 }, handsOut, session: "begins" }, /whole number of sessions from 1 to/],
      [{ only: "last", handsOut }, /^expected latest, or a group such as/],
      [{ only: "latest", handsOut, revoke: "token" }, /^expected no revoke beside it/],
      [
        { handsOut: [{ responseJson: "/a", responseCookie: "b" }] },
        /^expected one of responseJson/,
      ],
    ];
    for (const [rule, expected] of rules) {
      const [problem] = problemsOf(rule);
      if (expected === undefined) assert.equal(problem, undefined, JSON.stringify(rule));
      else assert.match(problem ?? "", expected, JSON.stringify(rule));
    }
  });

  it("names the issuer where there are several", () => {
    const rule = (issuer?: string) => ({
      revoke: "subject",
      subjectFrom: { form: "user", ...(issuer && { issuer }) },
    });
    const known =
      "expected an issuer of tokens.issuer or tokens.issuers: https://main, https://other";
    assert.deepEqual(problemsOf(rule(), several), [known]);
    assert.deepEqual(problemsOf(rule("https://nobody"), several), [known]);
    assert.deepEqual(problemsOf(rule("https://other"), several), []);
    assert.match(problemsOf(rule("https://nobody"))[0] ?? "", /none is named there/);
    assert.equal(namespaceOf({ form: "user", issuer: "https://other" }), "https://other");
    assert.equal(namespaceOf({ form: "user", issuer: "https://main" }), "https://main");
  });
});

describe("when and graphql", () => {
  const revoking = { access: "protected", revoke: "token" };

  const conditions = [
    { when: { requestJson: "/password" } },
    { when: { host: ["a.example"], headers: { "x-a": "b" } } },
    { graphql: { mutation: ["logout", "signOut"] } },
  ];

  it("stand beside revoke, and beside nothing that exempts", () => {
    for (const condition of conditions) {
      assert.deepEqual(problemsOf({ ...revoking, ...condition }), []);
      assert.match(
        problemsOf({ access: "protected", ...condition })[0] ?? "",
        /^expected revoke beside it/,
      );
      for (const exemption of [
        { access: "public" },
        { access: "optional" },
        { from: [{ header: "x" }] },
        { from: [{ header: "x" }], tokens: "opaque" },
        { expired: "forward" },
        { revoked: "forward" },
        { stream: true },
      ]) {
        const [problem] = problemsOf({ ...revoking, ...condition, ...exemption });
        assert.match(problem ?? "", /may only add a revocation$/, JSON.stringify(exemption));
      }
    }
  });

  it("say something", () => {
    for (const condition of [
      { when: {} },
      { when: { host: "A.example" } },
      { when: { host: "a", in: [1] } },
      { graphql: {} },
      { graphql: { mutation: "me { logout }" } },
    ]) {
      assert.ok(problemsOf({ ...revoking, ...condition }).length > 0);
    }
  });
});

describe("firstMessage", () => {
  it("stands beside no methods with socket.io: its long polling sends by another one", () => {
    const of = (protocol: string, methods?: string[]) =>
      problemsOf({
        ...{ access: "protected", firstMessage: { protocol, token: "/token" } },
        ...(methods && { methods }),
      });
    assert.deepEqual(of("socket.io"), []);
    assert.deepEqual(of("graphql", ["GET"]), []);
    assert.match(of("socket.io", ["GET"]).join(), /^expected none beside firstMessage.protocol/);
  });
});

describe("allowEncodedSlash", () => {
  it("stands beside an access, and beside no revoke or from", () => {
    for (const access of ["public", "optional", "protected"]) {
      assert.deepEqual(problemsOf({ access, allowEncodedSlash: true }), []);
    }
    for (const rule of [{ revoke: "token" }, { access: "protected", from: [{ cookie: "a" }] }]) {
      const [problem] = problemsOf({ ...rule, allowEncodedSlash: true });
      assert.match(problem ?? "", /^expected neither revoke nor from beside it/);
      assert.deepEqual(problemsOf({ ...rule, allowEncodedSlash: false }), []);
    }
  });
});
