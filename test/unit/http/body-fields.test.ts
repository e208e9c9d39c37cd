import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readRequestFields, valuesOf } from "../../../src/http/body-fields.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

const json = ["Content-Type", "application/json"];
const form = ["Content-Type", "application/x-www-form-urlencoded"];

/** What a request says at a JSON Pointer, or under a name of a form; "?" where it has no single reading. */
function read(where: string, body: string | Buffer, headers: readonly string[] = json): string {
  const fields = readRequestFields(Buffer.from(body), new HeaderList(headers));
  const source = where.startsWith("/")
    ? ({ kind: "json", pointer: where } as const)
    : ({ kind: "form", name: where } as const);
  const values = valuesOf(fields, source);
  return values.length > 1 ? "?" : (values[0] ?? "-");
}

describe("a body of many things", () => {
  const fields = (count: number, between: string) =>
    Array.from({ length: count }, (_, i) => `f${i}=0`).join(between);
  const members = (count: number) =>
    `{${Array.from({ length: count }, (_, i) => `"m${i}":[{}]`).join()}}`;

  it("is read up to 1,000 fields or members, in all its objects together", () => {
    for (const between of ["&", ";"]) {
      assert.equal(read("f1000", fields(1000, between), form), "-", between);
      assert.equal(read("f1000", fields(1001, between), form), "?", between);
    }
    assert.equal(read("f1", `${fields(500, "&")};${fields(501, ";")}`, form), "?");
    assert.equal(read("/a", members(1000)), "-");
    assert.equal(read("/a", members(1001)), "?");
    assert.equal(read("/1/a", `[${members(500)},{"a":"x"},${members(499)}]`), "x");
    assert.equal(read("/1/a", `[${members(500)},{"a":"x"},${members(500)}]`), "?");
  });

  it("has as many as there are: what only looks like one is none", () => {
    assert.equal(read("/a", `{"a":"x","b":"${'\\":'.repeat(2000)}"}`), "x");
    assert.equal(read("/a", `{"a":"x","b":[${"0,".repeat(20_000)}0]}`), "x");
    assert.equal(read("/b/12", `{"a":"x","b":[${"0,".repeat(12)}"y"]}`), "y");
  });
});

describe("a field of a JSON body", () => {
  it("is found by its pointer", () => {
    assert.equal(read("/a", '{"a":"x"}'), "x");
    assert.equal(read("/a/1/b", '{"a":[0,{"b":42}]}'), "42");
    assert.equal(read("/a~1b/~0", '{"a/b":{"~":"x"}}'), "x");
    assert.equal(read("/~01", '{"~1":"x"}'), "x");
    assert.equal(read("/__proto__", '{"__proto__":"x"}'), "x");
  });

  it("is missing where there is no text and no whole number", () => {
    for (const value of ["null", "true", '""', "1.5", "{}", "[]", '["x"]', "1e300"]) {
      assert.equal(read("/a", `{"a":${value}}`), "-", value);
    }
    assert.equal(read("/a", ""), "-");
    assert.equal(read("/a", "[]"), "-");
    assert.equal(read("/toString", "{}"), "-");
    assert.equal(read("/a/b", '{"a":"x"}'), "-");
    assert.equal(read("a", '{"a":"x"}'), "-", "a form was asked for");
  });

  it("has no single reading where parsers would differ", () => {
    for (const body of [
      '{"a":"x","a":"y"}',
      '{"a":"x","\\u0061":"y"}',
      '{"a":"x","A":"y"}',
      '{"s":"x","\u017f":"y"}',
      '{"b":{"a":1,"a":2},"a":"x"}',
      '[{"a":1},{"a":2,"A":3}]',
      '{"a":"x"',
      "{a:1}",
      '{"a":NaN}',
      '{"a":"x"} x',
    ]) {
      assert.equal(read("/a", body), "?", body);
    }
    assert.equal(read("/a", Buffer.from('{"a":"\xff"}', "latin1")), "?");
    assert.equal(read("/a", '{"b":{"a":1},"a":"x","c":[{"a":2}],"d":"\\"a\\":"}'), "x");
  });

  it("has no single reading in another type, charset or coding", () => {
    const body = '{"a":"x"}';
    for (const type of [
      "text/json",
      "application/problem+json",
      "Application/JSON; charset=UTF-8",
    ]) {
      assert.equal(read("/a", body, ["content-type", type]), "x", type);
    }
    for (const type of [
      "text/plain",
      "multipart/form-data; boundary=x",
      "application/json; charset=utf-7",
      'application/json; charset="utf-16le"',
      "application/json;charset=utf-8; charset=utf-7",
      "application/json, text/plain",
      "",
    ]) {
      assert.equal(read("/a", body, ["content-type", type]), "?", type);
    }
    assert.equal(read("/a", body, []), "?");
    assert.equal(read("/a", body, [...json, ...json]), "?");
    assert.equal(read("/a", body, [...json, "Content_Type", "text/plain"]), "?");
    assert.equal(read("/a", body, [...json, "Content-Encoding", "gzip"]), "?");
    assert.equal(read("/a", body, [...json, "Content_Encoding", "deflate"]), "?");
  });

  it("is not looked for in a body that is nested too deep, nor is stack run out of", () => {
    const nested = (deep: number) => `${'{"a":'.repeat(deep)}1${"}".repeat(deep)}`;
    assert.equal(read("/a".repeat(64), nested(64)), "1");
    assert.equal(read("/a/a", nested(65)), "?");
    assert.equal(read("/a/a", nested(30_000)), "?");
    const longest = 1_048_576; // of limits.bodyBytes
    const broad = `[${"0,".repeat(longest / 2 - 2)}0]`;
    assert.equal(read("/1", broad), "0");
  });
});

describe("a field of a form", () => {
  it("is found by its name", () => {
    assert.equal(read("a", "b=1&a=x%20y+z", form), "x y z");
    assert.equal(read("a", "a=", form), "-");
    assert.equal(read("a", "b=1", form), "-");
    assert.equal(read("/a", "a=1", form), "-", "JSON was asked for");
  });

  it("is what the type says, and not JSON that looks like it", () => {
    const both = '{"a":"x","b":"&a=y&"}';
    assert.equal(read("a", both, form), "y");
    assert.equal(read("/a", both, form), "-");
  });

  it("has no single reading where frameworks would differ", () => {
    for (const body of [
      "a=x&a=x",
      "a=x&a=y",
      "a=x;a=y",
      "a=x;b",
      "b=1;a=x",
      "a=x&a[]=y",
      "a=x&A=y",
      "a[]=x",
      "a=x&%20a=y",
      "a=x&a%00b=y",
    ]) {
      assert.equal(read("a", body, form), "?", body);
    }
    assert.equal(read("a.b", "a.b=x&a_b=y", form), "?");
  });
});
