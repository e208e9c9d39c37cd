import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CorsOptions, corsHeaders, isPreflight } from "../../../src/gateway/cors.ts";
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
