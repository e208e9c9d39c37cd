import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { isWellFramed } from "../../../src/gateway/framing.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

function framed(raw: string[], { method = "GET", httpVersion = "1.1" } = {}): boolean {
  return isWellFramed({ method, httpVersion } as IncomingMessage, new HeaderList(raw));
}
const host = ["Host", "example.com"];

describe("isWellFramed", () => {
  it("accepts ordinary requests", () => {
    assert.ok(framed(host));
    assert.ok(framed(["Host", "[::1]:8080", "Content-Length", "3"], { method: "POST" }));
    assert.ok(framed([...host, "Transfer-Encoding", "Chunked"], { method: "DELETE" }));
    assert.ok(framed([...host, "Connection", "Upgrade", "Upgrade", "websocket"]));
  });

  it("accepts what came in frames of HTTP/2", () => {
    assert.ok(framed(host, { httpVersion: "2" }));
    assert.ok(framed([...host, "transfer-encoding", "chunked"], { httpVersion: "2" }));
    assert.ok(!framed([], { httpVersion: "2" }));
    assert.ok(!framed([...host, ...host], { httpVersion: "2" }));
  });

  it("does not mind an upgrade to another protocol, which nobody hears of", () => {
    for (const protocol of ["h2c", "TLS/1.2", "TLS/1.2, h2c"]) {
      const upgrade = [...host, "Connection", "Upgrade", "Upgrade", protocol];
      assert.ok(framed([...upgrade, "Content-Length", "5"], { method: "POST" }), protocol);
    }
  });

  const refused: Record<string, [string[], { method?: string; httpVersion?: string }?]> = {
    CONNECT: [host, { method: "CONNECT" }],
    TRACE: [host, { method: "TRACE" }],
    "HTTP/0.9": [host, { httpVersion: "0.9" }],
    "HTTP/2.0": [host, { httpVersion: "2.0" }],
    "no Host": [[]],
    "two Hosts": [[...host, ...host]],
    "an empty Host": [["Host", ""]],
    "a Host with a path": [["Host", "a/b"]],
    "a Host with credentials": [["Host", "user@a"]],
    "a Host with white space": [["Host", "a b"]],
    "length and coding": [[...host, "Content-Length", "3", "Transfer-Encoding", "chunked"]],
    "two lengths": [[...host, "Content-Length", "3", "Content-Length", "3"]],
    "a signed length": [[...host, "Content-Length", "+3"]],
    "a list of lengths": [[...host, "Content-Length", "3, 3"]],
    "a coding before chunked": [[...host, "Transfer-Encoding", "gzip, chunked"]],
    identity: [[...host, "Transfer-Encoding", "identity"]],
    "chunked twice": [[...host, "Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"]],
    "a coding in HTTP/1.0": [[...host, "Transfer-Encoding", "chunked"], { httpVersion: "1.0" }],
    "two protocols": [[...host, "Upgrade", "websocket, h2c"]],
    "a POST that upgrades": [[...host, "Upgrade", "websocket"], { method: "POST" }],
    "an unknown expectation": [[...host, "Expect", "200-maybe"]],
    "two expectations": [[...host, "Expect", "100-continue", "Expect", "100-continue"]],
    "an upgrade with a body": [[...host, "Upgrade", "websocket", "Content-Length", "5"]],
  };
  for (const [what, [raw, request]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.equal(framed(raw, request), false));
  }
});
