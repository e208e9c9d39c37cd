import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { requestFields } from "../../../../src/upstream/http2/request-fields.ts";

describe("a request's header list for an application over HTTP/2", () => {
  it("has pseudo-header fields for its first line and Host, and nothing of a connection", () => {
    const headers = ["Host", "shop.example", "X-One", "1", "Transfer-Encoding", "chunked"];
    assert.deepEqual(requestFields({ method: "POST", target: "/a?b", headers }, "https"), {
      ":method": "POST",
      ":scheme": "https",
      ":path": "/a?b",
      ":authority": "shop.example",
      "x-one": "1",
      te: "trailers",
    });
  });
});
