import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { requestHeaders, requestTrailers } from "../../../src/upstream/request-headers.ts";

const facts = {
  peer: "192.0.2.7",
  proto: "http",
  host: "shop.example",
  requestId: "r1",
  trusted: false,
  version: "1.1",
} as const;
const added = [
  "X-Forwarded-For",
  "192.0.2.7",
  "X-Forwarded-Proto",
  "http",
  "X-Forwarded-Host",
  "shop.example",
  "X-Request-Id",
  "r1",
];
const options = {
  credentialHeaders: ["token"],
  ownHeaders: new Set<string>(["x-user"]),
  withheld: undefined,
  applicationHost: "127.0.0.1:3000",
  addsForwarded: false,
  addsVia: false,
};

function forwarded(
  raw: string[],
  changes: Partial<Parameters<typeof requestHeaders>[1]> = {},
  more: Partial<Parameters<typeof requestHeaders>[2]> = {},
) {
  return requestHeaders(new HeaderList(raw), { ...facts, ...changes }, { ...options, ...more });
}

describe("requestHeaders", () => {
  it("keep order, letter case and repetition", () => {
    const raw = ["Host", "shop.example", "X-b", "1", "x-A", "2", "X-b", "3", "ToKeN", "abc"];
    assert.deepEqual(forwarded(raw), [...raw, ...added]);
  });

  it("lose what ends at each hop, and what Connection nominates", () => {
    const raw = ["Connection", "close, X-Hop", "x-hop", "1", "Keep-Alive", "5", "TE", "trailers"];
    const more = ["Proxy-Connection", "x", "Proxy-Authorization", "x", "Upgrade", "y"];
    const settings = ["HTTP2-Settings", "AAMAAABk"];
    const last = ["Transfer-Encoding", "chunked", "Expect", "100-continue", "X-Kept", "1"];
    assert.deepEqual(forwarded([...raw, ...more, ...settings, ...last]), ["X-Kept", "1", ...added]);
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

  it("have Forwarded only behind a trusted proxy's, or where it is asked for", () => {
    const proxied = ["X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example"];
    const trusted = forwarded(proxied, { trusted: true });
    assert.ok(!trusted.includes("Forwarded"), String(trusted));
    const asked = forwarded([], {}, { addsForwarded: true });
    assert.deepEqual(asked.slice(-4, -2), [
      "Forwarded",
      'for=192.0.2.7;host="shop.example";proto=http',
    ]);
  });

  it("name revgate in Via where that is asked for, behind those before", () => {
    const headers = forwarded(["Via", "1.1 a"], { version: "1.0" }, { addsVia: true });
    assert.deepEqual(headers.slice(0, 2), ["Via", "1.1 a"]);
    assert.deepEqual(headers.slice(-4, -2), ["Via", "1.0 revgate"]);
  });

  it("have the application's Host where the client names none", () => {
    assert.deepEqual(forwarded(["X", "1"], { host: undefined, version: "1.0" }), [
      ...["Host", "127.0.0.1:3000", "X", "1", "X-Forwarded-For", "192.0.2.7"],
      ...["X-Forwarded-Proto", "http", "X-Request-Id", "r1"],
    ]);
  });

  it("announce trailers before chunks, and nowhere else", () => {
    const trailer = ["Trailer", "X-Sum"];
    assert.deepEqual(forwarded([...trailer, "Content-Length", "3"]), [
      ...["Content-Length", "3"],
      ...added,
    ]);
    const chunked = forwarded([...trailer, "Transfer-Encoding", "chunked"]);
    assert.deepEqual(chunked, [...trailer, ...added]);
  });

  it("keep Connection and Upgrade of a handshake where they are, less what else Connection says", () => {
    const raw = ["A", "1", "connection", "keep-alive, upgrade, X-Hop", "X-Hop", "1"];
    const more = ["UPGRADE", "WebSocket", "B", "2", "HTTP2-Settings", "x"];
    assert.deepEqual(forwarded([...raw, ...more], {}, { upgrades: true }), [
      ...["A", "1", "connection", "upgrade", "UPGRADE", "WebSocket", "B", "2"],
      ...added,
    ]);
  });

  it("write an IPv6 address as RFC 7239 wants it", () => {
    const headers = forwarded([], { peer: "2001:db8::1" }, { addsForwarded: true });
    assert.ok(headers.includes('for="[2001:db8::1]";host="shop.example";proto=http'));
  });
});

describe("requestTrailers", () => {
  it("keep order, letter case and repetition", () => {
    const trailers = ["X-b", "1", "x-B", "2", "ETag", "3"];
    assert.deepEqual(requestTrailers(trailers, new HeaderList([]), options), trailers);
  });

  it("say nothing of credentials, of who is behind the request, or of where it ends", () => {
    const names = [
      "Content-Length",
      "Transfer-Encoding",
      "Host",
      "Content-Type",
      "Content-Encoding",
    ];
    const more = ["Authorization", "Cookie", "token", "X-User", "x_user", "X_Forwarded_For"];
    const hops = ["X-Real-IP", "X-Request-Id", "Connection", "Trailer", "Expect", "X-Hop"];
    const methods = ["X-HTTP-Method-Override", "X_Http_Method", "X-Method-Override"];
    const trailers = [...names, ...more, ...hops, ...methods].flatMap((name) => [name, "1"]);
    const headers = new HeaderList(["Connection", "X-Hop"]);
    assert.deepEqual(requestTrailers([...trailers, "X-Kept", "1"], headers, options), [
      ...["X-Kept", "1"],
    ]);
  });
});
