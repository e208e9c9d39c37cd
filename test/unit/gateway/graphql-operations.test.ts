import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Condition, compileCondition } from "../../../src/gateway/condition.ts";
import { loadGraphqlParser, readMutations } from "../../../src/gateway/graphql-operations.ts";
import { type BodyFields, readRequestFields } from "../../../src/http/body-fields.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { formOfText } from "../../../src/http/form-fields.ts";

const parse = loadGraphqlParser();
const none: BodyFields = { kind: "none" };
const json = (value: unknown): BodyFields => ({ kind: "json", value });
const read = (fields: BodyFields, target = "/graphql") =>
  readMutations(
    parse,
    { headers: new HeaderList([]), target, body: { fields } },
    new Set(["logout", "signOut"]),
  );
const asked = (query: string) => read(json({ query }));
const inQuery = (query: string) => read(none, `/graphql?query=${encodeURIComponent(query)}`);

describe("readMutations", () => {
  it("finds a mutation by its name, wherever it stands, under the key of the answer", () => {
    assert.deepEqual(asked("mutation { logout }"), ["logout"]);
    assert.deepEqual(asked("mutation { bye: logout { ok } like(id: 1) }"), ["bye"]);
    assert.deepEqual(asked("mutation A { a: logout b: signOut }"), ["a", "b"]);
    assert.deepEqual(asked("mutation { ...F } fragment F on Mutation { ... on M { x: logout } }"), [
      "x",
    ]);
    assert.deepEqual(asked("query Q { me } mutation M { logout }"), ["logout"]);
    assert.deepEqual(asked("mutation { logout @include(if: true) }"), ["logout"]);
    assert.deepEqual(read(json([{ query: "{ me }" }, { query: "mutation { logout }" }])), [
      "logout",
    ]);
    assert.deepEqual(inQuery("mutation { logout }"), ["logout"]);
  });

  it("finds it by a fragment that many operations name", () => {
    const chain = Array.from({ length: 100 }, (_, i) => `fragment F${i} on M { ...F${i + 1} }`);
    const operations = Array.from({ length: 100 }, (_, i) => `mutation A${i} { ...F0 }`);
    const text = [...operations, ...chain, "fragment F100 on M { bye: logout }"].join(" ");
    assert.deepEqual(asked(text), ["bye"]);
  });

  it("finds none in what asks for something else under that name", () => {
    for (const query of [
      "{ logout }",
      "query { logout: me }",
      "subscription { logout }",
      "mutation { logout: like(id: 1) }",
      'mutation { say(text: "logout") }',
      "mutation { me { logout } }",
      "mutation { x } fragment F on Mutation { logout }",
      "# mutation { logout }\n{ me }",
      "mutation { ...F } fragment F on Mutation { ...G } fragment G on Mutation { ...F }",
    ]) {
      assert.deepEqual(asked(query), [], query);
      assert.deepEqual(inQuery(query), [], query);
    }
    assert.deepEqual(read(none), []);
    assert.deepEqual(read(none, "/graphql?x=1"), []);
  });

  it("says of what it can't read that it can't", () => {
    const hash = { persistedQuery: { version: 1, sha256Hash: "x" } };
    const deep = (text: string, end: string) => text.repeat(60_000) + end.repeat(60_000);
    for (const fields of [
      json({ extensions: hash }),
      json({ id: "1" }),
      json("x"),
      json(null),
      json([{ query: "{ me }" }, { id: 1 }]),
      json(Array.from({ length: 51 }, () => ({ query: "{ me }" }))),
      json({ query: "nonsense" }),
      json({ query: deep("{a", "}") }),
      json({ query: `mutation { x(y: ${deep("[", "]")}) }` }),
      json({ query: `{ ${"a ".repeat(5000)} }` }),
      { kind: "unreadable" },
      { kind: "form", form: formOfText("query=mutation{logout}") },
    ] satisfies BodyFields[]) {
      assert.equal(read(fields), "unread");
    }
    assert.equal(read(none, "/graphql?query={a}&query={b}"), "unread");
    assert.equal(read(none, "/graphql?extensions={}"), "unread");
    // One that is found counts, whatever else there is.
    assert.deepEqual(read(json([{ id: 1 }, { query: "mutation { logout }" }])), ["logout"]);
    assert.deepEqual(read(json({ id: 1 }), "/graphql?query=mutation{logout}"), ["logout"]);
  });
});

describe("a condition", () => {
  const isMet = (condition: Condition, raw: string[], body?: string, type = "application/json") => {
    const headers = new HeaderList([...raw, "Content-Type", type]);
    const fields = readRequestFields(Buffer.from(body ?? ""), headers);
    const sent = { headers, target: "/", ...(body !== undefined && { body: { fields } }) };
    return compileCondition(condition)(sent) !== false;
  };

  it("reads what a body asks for once, however often a request is judged", () => {
    let reads = 0;
    const value = {
      get query() {
        reads += 1;
        return "mutation { logout }";
      },
    };
    const body = { fields: { kind: "json", value } as const };
    const ask = compileCondition({ mutations: ["logout"] });
    const sent = { headers: new HeaderList([]), target: "/", body };
    const first = ask(sent);
    const readAtFirst = reads;
    assert.deepEqual(first, { mutations: ["logout"] });
    assert.deepEqual(ask(sent), first);
    assert.equal(reads, readAtFirst);
    assert.notEqual(ask({ ...sent, body: { fields: body.fields } }), first);
    assert.ok(reads > readAtFirst, "another body is read");
  });

  it("is met by a member that is no text, whatever is in it", () => {
    const member = { member: { pointer: "/action", values: ["close", 7] } };
    for (const action of [
      `{"toString":1}`,
      `[["close"]]`,
      `[{"valueOf":1,"toString":2}]`,
      `"close"`,
      "7",
    ]) {
      assert.ok(isMet(member, [], `{"action":${action}}`), action);
    }
    for (const action of [`"open"`, "8", "null", "true"]) {
      assert.ok(!isMet(member, [], `{"action":${action}}`), action);
    }
  });

  it("is met by a host, however it is written", () => {
    const hosts = { hosts: ["a.example"] };
    for (const host of ["a.example", "A.Example:8080", "a.example."]) {
      assert.ok(isMet(hosts, ["Host", host]), host);
    }
    for (const host of ["b.example", "xa.example", "a.example.evil"]) {
      assert.ok(!isMet(hosts, ["Host", host]), host);
    }
  });

  it("is met by headers, any line of each", () => {
    const headers = { headers: [{ name: "x-action", values: ["logout", "bye"] }] };
    assert.ok(isMet(headers, ["X-Action", "Logout"]));
    assert.ok(isMet(headers, ["x-action", "other", "X_Action", "bye"]));
    assert.ok(!isMet(headers, ["x-action", "other"]));
    assert.ok(!isMet(headers, []));
    assert.ok(isMet({ headers: [{ name: "x-action", values: ["*"] }] }, ["x-action", "q"]));
  });

  it("is met by a member of the body, and by a body that can't be read", () => {
    const there = { member: { pointer: "/password", values: undefined } };
    for (const body of ['{"password":"x"}', '{"Password":null}', "nonsense", '{"a":1,"A":2}']) {
      assert.ok(isMet(there, [], body), body);
    }
    assert.ok(isMet(there, [], "password=x", "application/x-www-form-urlencoded"));
    assert.ok(isMet(there, [], undefined), "not read yet");
    for (const body of ['{"name":"x"}', "[]", "1", ""]) assert.ok(!isMet(there, [], body), body);
    const equal = { member: { pointer: "/a/b", values: [true, 1] } };
    for (const body of ['{"a":{"b":true}}', '{"a":{"b":"1"}}']) assert.ok(isMet(equal, [], body));
    for (const body of ['{"a":{"b":false}}', '{"a":{"b":[1]}}']) {
      assert.equal(isMet(equal, [], body), body.includes("[1]"));
    }
  });
});
