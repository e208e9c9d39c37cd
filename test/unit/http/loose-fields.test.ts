import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readRequestFields } from "../../../src/http/body-fields.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { looseValuesOf } from "../../../src/http/loose-fields.ts";

const formType = "application/x-www-form-urlencoded";

/** What some application may read at a JSON Pointer, or under a name of a form. */
function read(where: string, body: string, type = "application/json"): readonly string[] {
  const fields = readRequestFields(Buffer.from(body), new HeaderList(["Content-Type", type]));
  return looseValuesOf(
    fields,
    where.startsWith("/") ? { kind: "json", pointer: where } : { kind: "form", name: where },
  );
}

describe("what some application may read in a body", () => {
  it("is under a member in any letter case, at every step", () => {
    for (const body of ['{"a":{"b":"x"}}', '{"A":{"b":"x"}}', '{"a":{"B":"x"}}']) {
      assert.deepEqual(read("/a/b", body), ["x"], body);
    }
    assert.deepEqual(read("/s", '{"\u017f":"x"}'), ["x"]);
    assert.deepEqual(read("/a", '{"b":"x"}'), []);
    assert.deepEqual(read("/a/b", '{"a":"x"}'), []);
  });

  it("is a text or a number, in lists too", () => {
    assert.deepEqual(read("/a", '{"a":["x",["y"],1,1.5,null,true,"",{"b":"z"}]}'), [
      "x",
      "y",
      "1",
      "1.5",
    ]);
    for (const value of ["null", "true", '""', "{}", "[]"]) {
      assert.deepEqual(read("/a", `{"a":${value}}`), [], value);
    }
  });

  it("is in a form where JSON was meant, by the last name or by all of them", () => {
    for (const name of ["c", "C", "b[c]", "b[c][]", "b.c", "c[]", " c"]) {
      assert.deepEqual(read("/b/c", `x=1&${name}=y`, formType), ["y"], name);
    }
    assert.deepEqual(read("/b/c", "x=1;c=y", formType), ["y"]);
    for (const body of ["b=y", "a[c]=y", "c=", "d[b][c]=y"]) {
      assert.deepEqual(read("/b/c", body, formType), [], body);
    }
    const part = '--x\r\nContent-Disposition: form-data; name="c"\r\n\r\ny\r\n--x--';
    assert.deepEqual(read("/b/c", part, "multipart/form-data; boundary=x"), ["y"]);
  });

  it("is in JSON where a form was meant", () => {
    assert.deepEqual(read("refresh_token", '{"Refresh_Token":"x"}'), ["x"]);
    assert.deepEqual(read("user[token]", '{"user":{"token":"x"}}'), ["x"]);
    assert.deepEqual(read("token", '{"user":{"token":"x"}}'), []);
  });
});
