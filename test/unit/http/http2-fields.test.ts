import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectionFields, http2Fields } from "../../../src/http/http2-fields.ts";

const linesOf = (fields: object) => Object.entries(fields);

describe("field lines in HTTP/2", () => {
  it("have names in lower case, and lines of one name joined but for Set-Cookie", () => {
    const twice = ["ETag", '"a"', "etag", '"b"', "Vary", "x"];
    const cookies = ["Set-Cookie", "a=1", "set-cookie", "b", "Cookie", "a=1", "COOKIE", "t=2; b"];
    assert.deepEqual(linesOf(http2Fields([...twice, ...cookies], { ":status": 200 })), [
      [":status", 200],
      ["etag", '"a", "b"'],
      ["vary", "x"],
      ["set-cookie", ["a=1", "b"]],
      ["cookie", "a=1; t=2; b"],
    ]);
  });

  it("have nothing that means something to a connection of HTTP/1.1", () => {
    const lines = [...connectionFields, "TE", "HTTP2-Settings"].flatMap((name) => [name, "x"]);
    assert.deepEqual(linesOf(http2Fields([...lines, "Host", "a", "X", "y"], {}, "host")), [
      ["x", "y"],
    ]);
  });

  it("have names that every object has as any other", () => {
    for (const name of Object.getOwnPropertyNames(Object.prototype)) {
      const lower = name.toLowerCase();
      const lines = [name, "1", lower, "2"];
      assert.deepEqual(linesOf(http2Fields(lines)), [[lower, "1, 2"]], name);
    }
  });

  it("end with no space, if the last of one name is empty", () => {
    const lines = ["A", "", "B", "1", "B", "", "Cookie", "c=1", "Cookie", "", "D", "", "D", "1"];
    assert.deepEqual(linesOf(http2Fields(lines)), [
      ["a", ""],
      ["b", "1,"],
      ["cookie", "c=1;"],
      ["d", ", 1"],
    ]);
  });
});
