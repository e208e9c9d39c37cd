import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { requestHeaders, responseHeaders } from "../../../src/upstream/headers.ts";

const facts = {
  peer: "192.0.2.7",
  proto: "http",
  host: "shop.example",
  requestId: "r1",
  trusted: false,
} as const;
const added = [
  "X-Forwarded-For",
  "192.0.2.7",
  "X-Forwarded-Proto",
  "http",
  "X-Forwarded-Host",
  "shop.example",
  "Forwarded",
  'for=192.0.2.7;host="shop.example";proto=http',
  "X-Request-Id",
  "r1",
];

function forwarded(raw: string[], changes: Partial<Parameters<typeof requestHeaders>[1]> = {}) {
  const options = {
    credentialHeaders: ["token"],
    ownHeaders: new Set<string>(),
    withheld: undefined,
  };
  return requestHeaders(new HeaderList(raw), { ...facts, ...changes }, options);
}

describe("requestHeaders", () => {
  it("keep order, letter case and repetition", () => {
    const raw = ["Host", "shop.example", "X-b", "1", "x-A", "2", "X-b", "3", "ToKeN", "abc"];
    assert.deepEqual(forwarded(raw), [...raw, ...added]);
  });

  it("lose what ends at each hop, and what Connection nominates", () => {
    const raw = ["Connection", "close, X-Hop", "x-hop", "1", "Keep-Alive", "5", "TE", "trailers"];
    const more = [
      "Proxy-Connection",
      "x",
      "Proxy-Authorization",
      "x",
      "Upgrade",
      "y",
      "Trailer",
      "z",
    ];
    const last = ["Transfer-Encoding", "chunked", "Expect", "100-continue", "X-Kept", "1"];
    assert.deepEqual(forwarded([...raw, ...more, ...last]), ["X-Kept", "1", ...added]);
  });

  it("keep what a client may not talk away", () => {
    const nominated = [
      "Connection",
      "token, Host, Content-Length, Cookie, Authorization, X-Forwarded-For",
    ];
    const raw = ["token", "abc", "Host", "shop.example", "Content-Length", "3", "Cookie", "a=b"];
    assert.deepEqual(forwarded([...nominated, ...raw]), [...raw, ...added]);
  });

  it("say anew where a request comes from, underscore spellings included", () => {
    const spoofed = [
      "X-Forwarded-For",
      "1.1.1.1",
      "X_Forwarded_Host",
      "evil",
      "x-forwarded-prefix",
      "/admin",
    ];
    const more = ["Forwarded", "for=1.1.1.1", "X-Real-IP", "1.1.1.1", "X-Original-URL", "/admin"];
    const last = ["X-Rewrite-URL", "/admin", "X-Request-Id", "old", "X_Request_Id", "o"];
    assert.deepEqual(forwarded([...spoofed, ...more, ...last]), added);
  });

  it("add to what a trusted proxy says", () => {
    const raw = [
      "X-Forwarded-For",
      "198.51.100.1",
      "X-Forwarded-Proto",
      "https",
      "Forwarded",
      "for=198.51.100.1",
    ];
    assert.deepEqual(forwarded([...raw, "X-Forwarded-Prefix", "/shop"], { trusted: true }), [
      "X-Forwarded-Proto",
      "https",
      "X-Forwarded-Prefix",
      "/shop",
      "X-Forwarded-For",
      "198.51.100.1, 192.0.2.7",
      "X-Forwarded-Host",
      "shop.example",
      "Forwarded",
      'for=198.51.100.1, for=192.0.2.7;host="shop.example";proto=http',
      "X-Request-Id",
      "r1",
    ]);
  });

  it("write an IPv6 address as RFC 7239 wants it", () => {
    const headers = forwarded([], { peer: "2001:db8::1" });
    assert.ok(headers.includes('for="[2001:db8::1]";host="shop.example";proto=http'));
  });
});

describe("responseHeaders", () => {
  it("keep several of one name and lose hop-by-hop ones", () => {
    const raw = [
      "Set-Cookie",
      "a=1",
      "set-cookie",
      "b=2",
      "Connection",
      "close, X-Hop",
      "X-Hop",
      "1",
    ];
    const more = ["Transfer-Encoding", "chunked", "Content-Length", "3", "Keep-Alive", "timeout=5"];
    assert.deepEqual(responseHeaders([...raw, ...more]), [
      "Set-Cookie",
      "a=1",
      "set-cookie",
      "b=2",
      "Content-Length",
      "3",
    ]);
  });
});
