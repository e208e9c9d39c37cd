import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { type CredentialSource, readCredential } from "../../../src/token/credential.ts";

const tokenHeader: CredentialSource = { kind: "header", name: "token", scheme: undefined };
const bearer: CredentialSource = { kind: "header", name: "authorization", scheme: "bearer" };
const cookie: CredentialSource = { kind: "cookie", name: "session" };
const all = [tokenHeader, bearer, cookie];

const read = (raw: string[], sources: CredentialSource[] = all) =>
  readCredential(new HeaderList(raw), sources);
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
