import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type CorsOptions,
  corsHeaders,
  isOriginPattern,
  isPreflight,
  preflightHeaders,
} from "../../../src/gateway/cors.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

const options: CorsOptions = {
  allowOrigins: ["https://shop.example"],
  allowHeaders: ["token"],
  allowCredentials: true,
  maxAgeSeconds: 600,
  preflight: "answer",
};
const preflight = ["Origin", "https://shop.example", "Access-Control-Request-Method", "PUT"];

describe("isPreflight", () => {
  it("knows exactly what browsers send", () => {
    assert.ok(isPreflight("OPTIONS", new HeaderList(preflight)));
    assert.ok(!isPreflight("GET", new HeaderList(preflight)));
    assert.ok(!isPreflight("OPTIONS", new HeaderList(preflight.slice(2))));
    assert.ok(!isPreflight("OPTIONS", new HeaderList(preflight.slice(0, 2))));
    assert.ok(!isPreflight("OPTIONS", new HeaderList([...preflight, "Content-Length", "1"])));
    assert.ok(
      !isPreflight("OPTIONS", new HeaderList([...preflight, "Transfer-Encoding", "chunked"])),
    );
    assert.ok(!isPreflight("OPTIONS", new HeaderList([...preflight, ...preflight])));
  });
});

describe("corsHeaders", () => {
  it("name the origin that is allowed, and nothing for another", () => {
    const headers = corsHeaders("https://shop.example", options);
    assert.deepEqual(headers.slice(0, 2), ["Access-Control-Allow-Origin", "https://shop.example"]);
    assert.deepEqual(corsHeaders("https://evil.example", options), []);
    assert.deepEqual(corsHeaders("https://shop.example.evil", options), []);
    assert.deepEqual(corsHeaders("null", options), []);
    assert.deepEqual(corsHeaders(undefined, options), []);
  });

  it("say * only where no credentials are allowed", () => {
    const open = { ...options, allowOrigins: ["*"] };
    assert.deepEqual(corsHeaders("https://x", open), []);
    assert.equal(corsHeaders("https://x", { ...open, allowCredentials: false })[1], "*");
  });
});

describe("an origin with a wildcard", () => {
  const pattern = {
    ...options,
    allowOrigins: ["https://*.shop.example", "http://*.localhost:3000"],
  };
  const cases: [string, boolean][] = [
    ["https://a.shop.example", true],
    ["https://a.b-c.shop.example", true],
    ["http://x.localhost:3000", true],
    ["https://shop.example", false],
    ["https://.shop.example", false],
    ["https://a..shop.example", false],
    ["http://a.shop.example", false],
    ["https://a.shop.example:8443", false],
    ["https://a.shop.example.evil", false],
    ["https://evilshop.example", false],
    ["https://evil.example:443.shop.example", false],
    ["https://evil.example/.shop.example", false],
    ["https://user@a.shop.example", false],
    ["http://x.localhost", false],
    ["https://*.shop.example", false],
    ["null", false],
  ];
  for (const [origin, allowed] of cases) {
    it(`${allowed ? "is" : "is not"} ${origin}`, () => {
      assert.equal(corsHeaders(origin, pattern)[1], allowed ? origin : undefined);
      const headers = new HeaderList(["Origin", origin, "Access-Control-Request-Method", "PUT"]);
      assert.equal(preflightHeaders(headers, pattern)?.[1], allowed ? origin : undefined);
    });
  }
});

describe("isOriginPattern", () => {
  const good = [
    ...["*", "https://shop.example", "https://*.shop.example", "http://localhost:3000"],
    ...["https://*.shop.example:8443", "http://[::1]:3000", "capacitor://localhost"],
    ...["chrome-extension://abcdef", "http://*.localhost:3000", "https://xn--bcher-kva.example"],
  ];
  const bad = [
    ...["", "null", "shop.example", "https://shop.example/", "https://shop.example/path"],
    ...["https://Shop.example", "HTTPS://shop.example", "https://shop.example:443", "https://*"],
    ...["https://*.com", "https://*shop.example", "https://a.*.example", "https://bücher.example"],
    ...["*.shop.example", "https://u@shop.example", "http://shop.example:80", " https://a.example"],
    ...["https://*.127.0.0.1", "https://shop.example,https://b.example", "https://*.*.example"],
  ];
  for (const text of good) it(`takes ${text}`, () => assert.equal(isOriginPattern(text), true));
  // Nothing that a browser sends is ever equal to these.
  for (const text of bad) it(`refuses ${text}`, () => assert.equal(isOriginPattern(text), false));
});
