import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  responseHeaders,
  responseTrailers,
  switchHeaders,
} from "../../../src/upstream/response-headers.ts";

const client = { method: "GET", httpVersion: "1.1" };

function passed(headers: string[], { status = 200, asker = client, addsVia = false } = {}) {
  return responseHeaders({ status, version: "1.1", headers }, asker, addsVia);
}

describe("responseHeaders", () => {
  it("keep several of one name and lose hop-by-hop ones", () => {
    const raw = ["Set-Cookie", "a=1", "set-cookie", "b=2", "Connection", "close, X-Hop"];
    const more = ["X-Hop", "1", "Transfer-Encoding", "chunked", "Keep-Alive", "timeout=5"];
    assert.deepEqual(passed([...raw, ...more, "Content-Length", "3"]), [
      ...["Set-Cookie", "a=1", "set-cookie", "b=2", "Content-Length", "3"],
    ]);
  });

  it("say how long a body is, but not where there can be none", () => {
    const length = ["X", "1", "Content-Length", "3"];
    for (const status of [103, 204]) assert.deepEqual(passed(length, { status }), ["X", "1"]);
    for (const status of [200, 205, 304]) assert.deepEqual(passed(length, { status }), length);
    // It can't be talked away.
    assert.deepEqual(passed([...length, "Connection", "content-length"]), length);
  });

  it("name protocols with 426 alone", () => {
    const upgrade = ["Upgrade", "HTTP/3.0"];
    assert.deepEqual(passed([...upgrade, "Connection", "upgrade"], { status: 426 }), upgrade);
    assert.deepEqual(passed([...upgrade, "Connection", "upgrade"]), []);
  });

  it("announce trailers where some can follow", () => {
    const chunked = ["Trailer", "X-Sum", "Transfer-Encoding", "chunked"];
    assert.deepEqual(passed(chunked), ["Trailer", "X-Sum"]);
    assert.deepEqual(passed(chunked, { asker: { method: "HEAD", httpVersion: "1.1" } }), []);
    assert.deepEqual(passed(chunked, { asker: { method: "GET", httpVersion: "1.0" } }), []);
    assert.deepEqual(passed(chunked, { status: 304 }), []);
    assert.deepEqual(passed(["Trailer", "X-Sum", "Content-Length", "1"]), ["Content-Length", "1"]);
  });

  it("name revgate in Via where that is asked for", () => {
    assert.deepEqual(passed(["Via", "1.1 a"], { addsVia: true }), [
      ...["Via", "1.1 a", "Via", "1.1 revgate"],
    ]);
  });
});

describe("switchHeaders", () => {
  it("keep order, letter case and repetition, with Connection and Upgrade where they are", () => {
    const raw = ["upgrade", "WebSocket", "x-A", "1", "X-a", "2", "CONNECTION", "Upgrade, X-Hop"];
    const more = ["X-Hop", "1", "Keep-Alive", "5", "Set-Cookie", "a", "set-cookie", "b"];
    const head = { version: "1.1", headers: [...raw, ...more] };
    assert.deepEqual(switchHeaders(head, false), [
      ...["upgrade", "WebSocket", "x-A", "1", "X-a", "2", "CONNECTION", "Upgrade"],
      ...["Set-Cookie", "a", "set-cookie", "b"],
    ]);
    assert.deepEqual(switchHeaders(head, true).slice(-2), ["Via", "1.1 revgate"]);
  });
});

describe("responseTrailers", () => {
  it("say nothing of where a response ends", () => {
    const trailers = ["X-a", "1", "content-length", "3", "Transfer-Encoding", "x", "x-A", "2"];
    assert.deepEqual(responseTrailers(trailers), ["X-a", "1", "x-A", "2"]);
  });
});
