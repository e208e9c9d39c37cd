import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderList } from "../../../src/http/field-lines.ts";
import {
  type CredentialSource,
  readCredential,
  unreadValue,
} from "../../../src/token/credential.ts";

const tokenHeader: CredentialSource = { kind: "header", name: "token", scheme: undefined };
const bearer: CredentialSource = { kind: "header", name: "authorization", scheme: "bearer" };
const cookie: CredentialSource = { kind: "cookie", name: "session" };
const all = [tokenHeader, bearer, cookie];

const read = (raw: string[], sources: CredentialSource[] = all) =>
  readCredential({ headers: new HeaderList(raw), target: "/" }, sources);
const found = (credential: string) => ({ kind: "found", credential });

describe("readCredential", () => {
  it("reads a header in any letter case", () => {
    assert.deepEqual(read(["ToKeN", "abc"]), found("abc"));
  });

  it("reads behind a scheme in any letter case, with one or more spaces", () => {
    assert.deepEqual(read(["Authorization", "BEARER   abc"]), found("abc"));
  });

  it("finds nothing behind another scheme, or a scheme alone", () => {
    assert.deepEqual(read(["Authorization", "Basic abc"]), { kind: "missing" });
    assert.deepEqual(read(["Authorization", "Bearer"]), { kind: "missing" });
    assert.deepEqual(read(["Authorization", "Bearer "]), { kind: "missing" });
    assert.deepEqual(read(["Authorization", "abc"]), { kind: "missing" });
    assert.deepEqual(read(["Authorization", "BearerX abc"]), { kind: "missing" });
  });

  it("chooses neither where anything but spaces follows the scheme, or stands in front of it", () => {
    const withScheme: CredentialSource[] = [{ kind: "cookie", name: "session", scheme: "bearer" }];
    for (const space of [
      "\t",
      "\xa0",
      "\xc2\xa0",
      "\x85",
      " \t",
      "\t ",
      " \xa0",
      ":",
      ",",
      "=",
      "x.",
    ]) {
      const value = `bearer${space}abc`;
      assert.deepEqual(read(["Authorization", value]), { kind: "ambiguous" }, value);
      assert.deepEqual(read(["Authorization", value, "token", "x"]), { kind: "ambiguous" }, value);
      const cookie = `session=${encodeURIComponent(value)}`;
      assert.deepEqual(read(["Cookie", cookie], withScheme), { kind: "ambiguous" }, cookie);
    }
    for (const front of ["\xa0", "\xc2\xa0", "\x85"]) {
      const value = `${front}Bearer abc`;
      assert.deepEqual(read(["Authorization", value]), { kind: "ambiguous" }, value);
    }
  });

  it("does not choose between a token and a JWT behind another scheme", () => {
    const jwt = "eyJh.eyJz.c2ln";
    for (const value of [`Token ${jwt}`, `x Bearer ${jwt}`, `Basic ${jwt} abc`]) {
      const both = ["Authorization", value, "Cookie", "session=abc"];
      assert.deepEqual(read(both), { kind: "ambiguous" }, value);
      assert.deepEqual(read(["Authorization", value]), { kind: "missing" }, value);
    }
    const same = ["Authorization", `Token ${jwt}`, "Cookie", `session=${jwt}`];
    assert.deepEqual(read(same), found(jwt));
    const basic = ["Authorization", "Basic dXNlcjpwYXNz", "Cookie", "session=abc"];
    assert.deepEqual(read(basic), found("abc"));
  });

  it("reads a cookie among others, quoted or not", () => {
    assert.deepEqual(read(["Cookie", "a=1; session=abc; b=2"]), found("abc"));
    assert.deepEqual(read(["Cookie", 'session="abc"']), found("abc"));
    assert.deepEqual(read(["Cookie", "xsession=abc"]), { kind: "missing" });
  });

  it("takes an empty value for none", () => {
    assert.deepEqual(read(["token", ""]), { kind: "missing" });
    assert.deepEqual(read(["Cookie", "session="]), { kind: "missing" });
  });

  it("ignores sources that are not configured", () => {
    assert.deepEqual(read(["Authorization", "Bearer abc"], [tokenHeader]), { kind: "missing" });
  });

  it("accepts the same token from two sources", () => {
    assert.deepEqual(read(["token", "abc", "Cookie", "session=abc"]), found("abc"));
  });

  it("takes a spelling with underscores for the same header", () => {
    const dashed: CredentialSource[] = [
      { kind: "header", name: "x-auth-token", scheme: undefined },
    ];
    assert.deepEqual(read(["X-Auth-Token", "abc", "X_Auth_Token", "def"], dashed), {
      kind: "ambiguous",
    });
    assert.deepEqual(read(["x-auth_token", "abc"], dashed), found("abc"));
    assert.deepEqual(read(["xxauth-token", "abc"], dashed), { kind: "missing" });
  });

  it("reads a header both behind its scheme and alone", () => {
    const both: CredentialSource[] = [
      bearer,
      { kind: "header", name: "authorization", scheme: undefined, except: ["bearer"] },
    ];
    assert.deepEqual(read(["Authorization", "Bearer abc"], both), found("abc"));
    assert.deepEqual(read(["Authorization", "abc"], both), found("abc"));
    assert.deepEqual(read(["Authorization", "Bearer "], both), { kind: "missing" });
    // What another scheme holds is not taken apart, and so is no token of anybody's.
    assert.deepEqual(read(["Authorization", "Basic abc"], both), found("Basic abc"));
    const twice = ["Authorization", "abc", "Authorization", "Bearer abc"];
    assert.deepEqual(read(twice, both), { kind: "ambiguous" });
  });

  it("reads a cookie behind a scheme, however the space is written", () => {
    const withScheme: CredentialSource[] = [{ kind: "cookie", name: "session", scheme: "bearer" }];
    for (const value of ["Bearer abc", '"Bearer abc"', "bearer%20abc", "Bearer+abc"]) {
      assert.deepEqual(read(["Cookie", `a=b; session=${value}`], withScheme), found("abc"), value);
    }
    for (const value of ["abc", "Basic abc", "Bearer", "Bearer%20"]) {
      assert.deepEqual(
        read(["Cookie", `session=${value}`], withScheme),
        { kind: "missing" },
        value,
      );
    }
    const twice = ["Cookie", "session=Bearer abc; session=Bearer abc"];
    assert.deepEqual(read(twice, withScheme), { kind: "ambiguous" });
  });

  it("reads a field of the query as every server would, and refuses to choose", () => {
    const sources: CredentialSource[] = [{ kind: "query", name: "access_token" }];
    const at = (target: string) => readCredential({ headers: new HeaderList([]), target }, sources);
    for (const target of [
      "/a?access_token=abc",
      "/a?b=c&access%5Ftoken=ab%63&d",
      "/a;b?access_token=abc",
    ]) {
      assert.deepEqual(at(target), found("abc"), target);
    }
    for (const target of [
      "/a",
      "/a?",
      "/a?b=access_token",
      "/a?access_token=",
      "/access_token=abc",
    ]) {
      assert.deepEqual(at(target), { kind: "missing" }, target);
    }
    for (const target of [
      "/a?access_token=abc&access_token=abc",
      "/a?access_token=abc&access_token[]=def",
      "/a?access_token[0]=abc",
      "/a?access.token=abc",
      "/a?Access_Token=abc",
      "/a?x=1;access_token=abc",
      "/a?access_token=abc;access_token=def",
      "/a%3Faccess_token=def?access_token=abc",
      "/a;access_token=def?access_token=abc",
      "/a;access_token=def",
    ]) {
      assert.deepEqual(at(target), { kind: "ambiguous" }, target);
    }
  });

  it("reads a segment of the path, decoded", () => {
    const sources: CredentialSource[] = [{ kind: "path", name: "token", segment: 2 }];
    const at = (target: string) => readCredential({ headers: new HeaderList([]), target }, sources);
    assert.deepEqual(at("/session/ab%63?x=/y/z"), found("abc"));
    assert.deepEqual(at("/session/"), { kind: "missing" });
    assert.deepEqual(at("/session"), { kind: "missing" });
  });

  it("reads what a WebSocket offers as a subprotocol", () => {
    const behind: CredentialSource[] = [{ kind: "webSocketProtocol", name: "bearer" }];
    const within: CredentialSource[] = [{ kind: "webSocketProtocol", name: "bearer." }];
    const name = "Sec-WebSocket-Protocol";
    assert.deepEqual(read([name, "graphql-ws, bearer, abc"], behind), found("abc"));
    assert.deepEqual(read([name, "Bearer", name, "abc"], behind), found("abc"));
    assert.deepEqual(read([name, "graphql-ws,bearer.abc"], within), found("abc"));
    for (const offered of ["graphql-ws", "bearer", "abc, bearer", "bearer.abc"]) {
      assert.deepEqual(read([name, offered], behind), { kind: "missing" }, offered);
    }
    assert.deepEqual(read([name, "bearer, a, bearer, a"], behind), { kind: "ambiguous" });
    assert.deepEqual(read([name, "bearer.a, bearer.b"], within), { kind: "ambiguous" });
  });

  it("chooses neither where only some applications would find a token in the body", () => {
    const body = (value: unknown) => ({ fields: { kind: "json", value } as const });
    const member: CredentialSource = { kind: "json", pointer: "/refresh_token" };
    const field: CredentialSource = { kind: "form", name: "refresh_token" };
    const headers = new HeaderList(["token", "abc"]);
    const at = (value: unknown, sources: readonly CredentialSource[]) =>
      readCredential({ headers, target: "/", body: body(value) }, sources);
    for (const value of [{ Refresh_Token: "def" }, { refresh_token: ["def"] }]) {
      assert.deepEqual(at(value, [tokenHeader, member]), { kind: "ambiguous" });
      assert.deepEqual(at(value, [member]), { kind: "ambiguous" });
      assert.deepEqual(at(value, [field]), { kind: "ambiguous" });
      assert.deepEqual(at(value, [tokenHeader]), found("abc"));
    }
    assert.deepEqual(at({ Refresh_Token: "abc" }, [tokenHeader, member]), found("abc"));
    assert.deepEqual(at({ refresh_token: "def" }, [field, member]), found("def"));
    assert.deepEqual(at({ refresh: "def" }, [tokenHeader, member]), found("abc"));
  });

  const ambiguous: Record<string, string[]> = {
    "a header given twice": ["token", "abc", "Token", "def"],
    "a header given twice with one value": ["token", "abc", "token", "abc"],
    "a header given twice, once empty": ["token", "", "token", "abc"],
    "two sources with different tokens": ["token", "abc", "Authorization", "Bearer def"],
    "two cookies of the name": ["Cookie", "session=abc; session=def"],
    "two cookies of the name in two headers": ["Cookie", "session=abc", "Cookie", "session=abc"],
    "a second Authorization of another scheme": [
      "Authorization",
      "Bearer abc",
      "Authorization",
      "Basic x",
    ],
  };
  for (const [what, raw] of Object.entries(ambiguous)) {
    it(`calls ${what} ambiguous`, () => assert.deepEqual(read(raw), { kind: "ambiguous" }));
  }
});

describe("a value in a scheme that is not read", () => {
  it("is told of a header and of a cookie in which tokens are sent, and of no other", () => {
    const sources: CredentialSource[] = [
      { kind: "header", name: "authorization", scheme: "bearer" },
      { kind: "cookie", name: "session", scheme: "bearer" },
      { kind: "query", name: "authorization" },
    ];
    const read = (...lines: string[]) =>
      unreadValue({ headers: new HeaderList(lines), target: "/?authorization=x" }, sources);
    assert.equal(read("Authorization", "Basic abc"), "Basic abc");
    assert.equal(read("Cookie", "session=Basic"), "Basic");
    assert.equal(read("Authorization", "  ", "X-Other", "x", "Cookie", "other=x"), undefined);
  });
});
