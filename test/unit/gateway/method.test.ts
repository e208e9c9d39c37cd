import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anyMethod, methodInBody, methodReadings } from "../../../src/gateway/method.ts";
import { type BodyFields, readRequestFields } from "../../../src/http/body-fields.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

function readings(method: string, lines: readonly string[], target = "/", fields?: BodyFields) {
  const headers = new HeaderList(lines);
  return methodReadings(method, { headers, target, ...(fields && { body: { fields } }) });
}

const form = ["Content-Type", "application/x-www-form-urlencoded", "Content-Length", "9"];

function inBody(type: string, text: string) {
  const lines = ["Content-Type", type, "Content-Length", String(text.length)];
  return readings("POST", lines, "/", readRequestFields(Buffer.from(text), new HeaderList(lines)));
}

describe("methodReadings", () => {
  it("is the method alone for an ordinary request", () => {
    assert.deepEqual(readings("GET", ["Host", "a", "X-Other", "POST"], "/a?method=x"), ["GET"]);
  });

  it("adds what override headers say, underscore spellings included", () => {
    const lines = ["X-HTTP-Method-Override", "delete", "X_Http_Method", "PUT"];
    assert.deepEqual(readings("POST", lines), ["POST", "DELETE", "PUT"]);
  });

  it("adds each part of a list in such a header", () => {
    const lines = ["X-HTTP-Method-Override", "DELETE, x", "X-HTTP-Method", "put,"];
    assert.deepEqual(readings("POST", lines), ["POST", "DELETE", "X", "PUT", ""]);
  });

  it("is any if there are more of them than a client can mean", () => {
    const lines = ["X-HTTP-Method", "A,".repeat(100)];
    assert.deepEqual(readings("GET", lines), ["GET", anyMethod]);
  });

  it("adds what _method says in the query, however it is spelled", () => {
    for (const query of ["_method=delete", "a=b&%5Fm%65thod=DELETE"]) {
      assert.deepEqual(readings("POST", [], `/a?${query}`), ["POST", "DELETE"], query);
    }
    for (const query of ["_method=a&_method=b", "_METHOD=delete", "a=b;_method=delete"]) {
      assert.deepEqual(readings("GET", [], `/a?${query}`), ["GET", anyMethod], query);
    }
  });

  it("is open while the body of a POST may say another one, and has not been read", () => {
    assert.deepEqual(readings("POST", form), ["POST", methodInBody]);
    assert.deepEqual(readings("POST", ["Transfer-Encoding", "chunked"]), ["POST", methodInBody]);
    assert.deepEqual(readings("PUT", form), ["PUT"]);
    assert.deepEqual(readings("POST", ["Content-Length", "0"]), ["POST"]);
    const octets = ["Content-Type", "application/octet-stream", "Content-Length", "9"];
    assert.deepEqual(readings("POST", octets), ["POST"]);
    const both = [...octets, "Content_Type", "application/json"];
    assert.deepEqual(readings("POST", both), ["POST", methodInBody]);
  });

  it("adds what the body of a POST says, and is open if that can't be read", () => {
    const multipart =
      '--b\r\nContent-Disposition: form-data; name="_method"\r\n\r\nPATCH\r\n--b--\r\n';
    assert.deepEqual(inBody(String(form[1]), "a=b&_method=delete"), ["POST", "DELETE"]);
    assert.deepEqual(inBody("application/json", '{"_method":"put"}'), ["POST", "PUT"]);
    assert.deepEqual(inBody("multipart/form-data; boundary=b", multipart), ["POST", "PATCH"]);
    assert.deepEqual(inBody(String(form[1]), "a=b"), ["POST"]);
    assert.deepEqual(inBody("application/json", "{"), ["POST", methodInBody]);
  });
});
