import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readTarget } from "../../../src/gateway/target.ts";

const read = (text: string, allowEncodedSlash = false) => readTarget(text, { allowEncodedSlash });

describe("readTarget", () => {
  it("keeps what was sent and makes one canonical path", () => {
    assert.deepEqual(read("/Caf%c3%a9/%6Cogin?x=%2F..//"), {
      sent: "/Caf%c3%a9/%6Cogin",
      path: "/Caf%C3%A9/login",
      loose: "/caf%c3%a9/login",
      beforeSemicolon: undefined,
      contested: false,
      slashesDecoded: undefined,
      slashesNeedRule: false,
      mapped: undefined,
      otherReadings: [],
    });
  });

  it("makes a loose form without case, parameters or a trailing slash", () => {
    assert.equal(read("/LogOut/")?.loose, "/logout");
    assert.equal(read("/logout;jsessionid=1")?.loose, "/logout");
    assert.equal(read("/a;b/logout%3Bx/")?.loose, "/a/logout");
    assert.equal(read("/logout%3Fa")?.loose, "/logout");
    assert.equal(read("/;x/logout")?.loose, "/logout");
    assert.equal(read("/LogOut/;a=b/static")?.beforeSemicolon, "/logout");
    assert.equal(read("/logout%3Ba/x")?.beforeSemicolon, "/logout");
    assert.equal(read("/logout")?.beforeSemicolon, undefined);
    assert.equal(read("/logout.")?.loose, "/logout");
    assert.equal(read("/a%20./logout%20%20/")?.loose, "/a/logout");
    assert.equal(read("/a.b/v1.2")?.loose, "/a.b/v1.2");
    assert.equal(read("/")?.loose, "/");
  });

  it("calls paths contested on which frameworks disagree", () => {
    for (const text of ["/a;b", "/a%3bb", "/a%3Fb", "/a%23b"]) {
      assert.equal(read(text)?.contested, true, text);
    }
    assert.equal(read("/a?b;c%3F")?.contested, false);
  });

  it("lets an encoded slash through where that is allowed, as a contested path", () => {
    assert.equal(read("/a%2fb"), undefined);
    assert.equal(read("/a%2fb", true)?.contested, true);
    assert.equal(read("/a%2fb", true)?.loose, "/a/b");
    assert.equal(read("/a%2f..%2Fb", true), undefined);
  });

  it("accepts dots that are no dot segments", () => {
    for (const text of ["/.well-known/x", "/a..b", "/...", "/a/.b", "/app.js", "/%2Ehidden"]) {
      assert.notEqual(read(text), undefined, text);
    }
  });

  const refused: Record<string, string[]> = {
    "another form than origin form": ["", "*", "a", "http://x/a", "//x/a", "example.com:443"],
    "empty segments": ["/a//b", "/a//", "//"],
    "a backslash": ["/a\\b", "/\\a", "/a%5cb"],
    "a fragment": ["/a#b", "/a?b#c"],
    "control and non-ASCII bytes": [
      "/a\tb",
      "/a\u0000",
      "/a\u007f",
      "/caf\u00e9",
      "/a b",
      "/a?b c",
    ],
    "encoded control bytes": ["/a%00", "/a%0a", "/a%0D%0A", "/%1f", "/a%7f"],
    "dot segments": ["/.", "/..", "/a/../b", "/a/.", "/a/..", "/./a"],
    "encoded dot segments": ["/%2e", "/a/%2E%2e/b", "/a/.%2e", "/%2e."],
    "dot segments with parameters": [
      "/..;/a",
      "/a/..;x=1/b",
      "/a/..%3Bx",
      "/.;/a",
      "/a/..%3f",
      "/..%23",
    ],
    "an encoded slash": ["/a%2Fb", "/a%2f..%2fb"],
    "invalid percent-encoding": ["/%", "/a%2", "/a%zz", "/a%u0041"],
    "double percent-encoding": [
      "/%252e",
      "/a%252Fb",
      "/%25%32%65",
      "/%25%32f",
      "/%252%66",
      "/%25%61b",
    ],
    "what is not UTF-8": ["/%ff", "/%c0%af", "/%e0%80%af", "/%ed%a0%80", "/%c3"],
  };
  for (const [what, texts] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      for (const text of texts) assert.equal(read(text), undefined, text);
    });
  }

  it("lets a literal percent sign through that could not be decoded twice", () => {
    assert.equal(read("/100%25")?.path, "/100%25");
    assert.equal(read("/100%25zz")?.path, "/100%25zz");
  });

  it("refuses a path that compatible characters make very long", () => {
    const ligature = "%EF%B7%BA";
    for (const times of [1, 60]) assert.equal(read(`/${ligature.repeat(times)}`)?.contested, false);
    assert.equal(read(`/${ligature.repeat(61)}`), undefined);
  });
});
