import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { responseFields } from "../../../../src/node-http/http2/response-fields.ts";

describe("a header section in HTTP/2", () => {
  it("has names in lower case, and lines of one name joined but for cookies", () => {
    const lines = [
      "ETag",
      '"a"',
      "etag",
      '"b"',
      "Set-Cookie",
      "a=1",
      "Vary",
      "x",
      "set-cookie",
      "b",
    ];
    assert.deepEqual(
      { ...responseFields(200, lines) },
      { ":status": 200, etag: '"a", "b"', "set-cookie": ["a=1", "b"], vary: "x" },
    );
  });

  it("has nothing that means something to a connection of HTTP/1.1", () => {
    const lines = [
      "Connection",
      "close",
      "Upgrade",
      "x",
      "Keep-Alive",
      "1",
      "Transfer-Encoding",
      "y",
    ];
    assert.deepEqual({ ...responseFields(426, lines) }, { ":status": 426 });
  });
});
