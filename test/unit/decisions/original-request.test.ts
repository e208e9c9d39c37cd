import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { type QuestionForm, readOriginal } from "../../../src/decisions/original-request.ts";

function read(form: QuestionForm, rawHeaders: readonly string[]) {
  const question = { rawHeaders, socket: {}, method: "GET", url: "/asked?a=b" };
  const original = readOriginal(question as unknown as IncomingMessage, form);
  if (original.kind === "unreadable") return original.why;
  const { method, url, rawHeaders: headers } = original.request;
  return { method, url, headers };
}

const forwarded = {
  "X-Forwarded-Method": "POST",
  "X-Forwarded-Uri": "/logout?x=%20",
  "X-Forwarded-Host": "shop.example:8443",
};
const linesOf = (headers: object) => Object.entries(headers).flat() as string[];

describe("the request that a gateway asks about", () => {
  it("is named by X-Forwarded-*, and has the question's other headers in their order", () => {
    const own = ["Host", "revgate:9095", "Connection", "close", "Content-Length", "0"];
    const clients = ["Token", "a", "X-Original-Method", "GET", "X-Original-URL", "/", "token", "b"];
    assert.deepEqual(read("forwarded", [...own, ...linesOf(forwarded), ...clients]), {
      method: "POST",
      url: "/logout?x=%20",
      headers: ["Host", "shop.example:8443", ...clients],
    });
  });

  it("is named by X-Original-Method and X-Original-URL", () => {
    for (const [rest, url] of [
      ["/a%2Fb?c=d", "/a%2Fb?c=d"],
      [":8443/", "/"],
    ]) {
      const headers = { "x-original-method": "PUT", "X-Original-URL": `https://a.example${rest}` };
      const line = ["X-Forwarded-Uri", "/public"];
      assert.deepEqual(read("original", [...linesOf(headers), ...line]), {
        ...{ method: "PUT", url },
        headers: ["Host", rest === "/a%2Fb?c=d" ? "a.example" : "a.example:8443", ...line],
      });
    }
    // Behind the scheme stands the client's Host as it was sent: nginx takes `a:80?` for `a`.
    const byHost = ["a:80?", "a:80#", "a?/public", "a@b", "a\\b", ""].map(
      (host) => `https://${host}/x`,
    );
    for (const url of ["/a", "ftp://a/", "https:///a", "https://a", "https://a?c", ...byHost]) {
      const headers = { "X-Original-Method": "PUT", "X-Original-URL": url };
      assert.match(String(read("original", linesOf(headers))), /x-original-url is no absolute URL/);
    }
  });

  it("is the question itself", () => {
    const lines = [...linesOf(forwarded), "Token", "a"];
    assert.deepEqual(read("same", ["Host", "shop.example", ...lines]), {
      ...{ method: "GET", url: "/asked?a=b" },
      headers: ["Host", "shop.example", ...lines],
    });
  });

  it("is not known if a part is missing, empty, there twice, or named in another form alone", () => {
    for (const name of Object.keys(forwarded)) {
      const lower = name.toLowerCase();
      const { [name as "X-Forwarded-Uri"]: value, ...others } = forwarded;
      const missing = new RegExp(`^${lower} is missing`);
      assert.match(String(read("forwarded", linesOf(others))), missing);
      assert.match(String(read("forwarded", [...linesOf(others), name, ""])), missing);
      const underscores = [...linesOf(others), name.replaceAll("-", "_"), value];
      assert.match(String(read("forwarded", underscores)), missing);
      const twice = [...linesOf(forwarded), lower, value];
      assert.equal(read("forwarded", twice), `${lower} is there more than once`);
    }
    assert.match(String(read("original", linesOf(forwarded))), /x-original-method is missing/);
    assert.match(String(read("same", linesOf(forwarded))), /^host is missing/);
    const odd = { ...forwarded, "X-Forwarded-Method": "GET /" };
    assert.equal(read("forwarded", linesOf(odd)), "the method is none");
    const many = Array.from({ length: 253 }, (_, i) => [`a-${i}`, "b"]).flat();
    assert.match(String(read("forwarded", [...linesOf(forwarded), ...many])), /more than 255/);
  });
});
