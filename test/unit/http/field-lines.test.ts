import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  bodyFramingOf,
  eachField,
  fieldValues,
  findField,
  HeaderList,
  writeFields,
} from "../../../src/http/field-lines.ts";

const lines = ["Host", "a", "X-A", "1", "x-a", "2", "X_A", "3", "Cookie", ""];

describe("a header list", () => {
  it("is searched in any letter case, line by line, and values are never taken for names", () => {
    assert.equal(findField(lines, "x-a"), 2);
    assert.equal(findField(lines, "x-a", 4), 4);
    assert.equal(findField(lines, "x-a", 6), -1);
    assert.equal(findField(["a", "host"], "host"), -1);
    assert.deepEqual(fieldValues(lines, "x-a"), ["1", "2"]);
    assert.deepEqual(fieldValues(lines, "cookie"), [""]);
    assert.deepEqual(fieldValues(lines, "date"), []);
  });

  it("is written as it was received", () => {
    assert.equal(writeFields(lines), "Host: a\r\nX-A: 1\r\nx-a: 2\r\nX_A: 3\r\nCookie: \r\n");
    assert.deepEqual([...eachField(lines)].flat(), lines);
    assert.equal(writeFields([]), "");
  });

  it("says where the body ends", () => {
    assert.equal(bodyFramingOf(lines), "none");
    assert.equal(bodyFramingOf(["content-LENGTH", "0"]), "none");
    assert.equal(bodyFramingOf(["Content-Length", "1"]), "by length");
    assert.equal(bodyFramingOf(["Transfer-Encoding", "chunked"]), "chunked");
    // The parser refuses this; should it not, no byte may be taken for another request.
    assert.equal(bodyFramingOf(["Content-Length", "0", "Transfer-Encoding", "chunked"]), "chunked");
  });

  it("gives the same answers with its names beside it", () => {
    const list = new HeaderList(lines);
    for (const name of ["host", "x-a", "cookie", "date"]) {
      assert.deepEqual(list.all(name), fieldValues(lines, name));
      assert.equal(list.first(name), fieldValues(lines, name)[0]);
      assert.equal(list.has(name), findField(lines, name) !== -1);
    }
    assert.deepEqual(list.allSpellings("x-a"), ["1", "2", "3"]);
  });
});
