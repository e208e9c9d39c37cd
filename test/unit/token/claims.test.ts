import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readJson } from "../../../src/http/json.ts";
import { claimAt, claimText, shapeOf } from "../../../src/token/claims.ts";
import { plainNames } from "../../../src/token/names.ts";

const read = (text: string) => claimText(readJson(text));

describe("a claim's text", () => {
  it("is itself, or the digits of a whole number", () => {
    const cases = [
      ['"alice"', "alice"],
      ["42", "42"],
      ["42.0", "42"],
      ["-7", "-7"],
      ["-0", "0"],
      ["9007199254740991", "9007199254740991"],
      ["9007199254740993", "9007199254740993"],
      ["-12345678901234567890123", "-12345678901234567890123"],
    ] as const;
    for (const [json, text] of cases) assert.equal(read(json), text, json);
  });

  it("is none where the value names nobody for certain", () => {
    for (const json of [
      '""',
      "null",
      "true",
      "1.5",
      "1e21",
      "[42]",
      '{"id":42}',
      "9007199254740993.0",
    ]) {
      assert.equal(read(json), undefined, json);
    }
    assert.equal(claimText(undefined), undefined);
  });

  it('makes one name of 42 and "42", and two of neighbours beyond 2^53', () => {
    const name = (json: string) => plainNames.claim("sub", undefined, readJson(json))?.value;
    assert.equal(name("42"), name('"42"'));
    assert.notEqual(name("9007199254740992"), name("9007199254740993"));
  });
});

describe("a claim", () => {
  const claims = {
    sub: "s",
    "https://example.com/id": "u",
    user: { id: 1, "a/b": [{ c: "deep" }] },
  };

  it("is found by its name, or by a JSON Pointer", () => {
    assert.equal(claimAt(claims, "sub"), "s");
    assert.equal(claimAt(claims, "https://example.com/id"), "u");
    assert.equal(claimAt(claims, "/user/id"), 1);
    assert.equal(claimAt(claims, "/user/a~1b/0/c"), "deep");
  });

  it("is never what a prototype has", () => {
    for (const claim of ["constructor", "/constructor/name", "/user/toString", "/sub/length"]) {
      assert.equal(claimAt(claims, claim), undefined, claim);
    }
  });
});

describe("the shape of a claim that names no subject", () => {
  it("is told in words", () => {
    const shapes = [
      ["null", "null"],
      ['""', "empty"],
      ["[42]", "a list"],
      ["1.5", "a number that is no whole one, or too large"],
      ['{"id":42}', "an object"],
      ["true", "a boolean"],
    ] as const;
    for (const [json, words] of shapes) assert.equal(shapeOf(readJson(json)), words, json);
    assert.equal(shapeOf(undefined), "missing");
  });
});
