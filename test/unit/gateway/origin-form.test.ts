import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { originForm } from "../../../src/gateway/origin-form.ts";

describe("originForm", () => {
  const read = (url: string, host?: string, method = "GET") => originForm({ method, url }, host);

  it("is the path and query of an absolute target whose authority is the Host", () => {
    assert.equal(read("http://shop.example/a?b=http://c/d", "shop.example"), "/a?b=http://c/d");
    assert.equal(read("HTTPS://Shop.Example:8080/a", "shop.example:8080"), "/a");
    assert.equal(read("http://[::1]:80//a", "[::1]:80"), "//a");
    assert.equal(read("http://a", "a"), "/");
    assert.equal(read("http://a?b", "a"), "/?b");
  });

  it("is the target as it was sent in all other cases", () => {
    for (const target of ["/a", "//a/b", "*", "", "a:1", "http:/a/b", "ftp://a/b", "http:///b"]) {
      assert.equal(read(target, "a"), target);
    }
    for (const target of [
      "http://b/a",
      "http://u@a/b",
      "http://a:80/b",
      "http://a\\@b/c",
      "http://a#/b",
    ]) {
      const sent = read(target, "a");
      assert.ok(sent === target || sent.startsWith("/#"), sent);
    }
    assert.equal(read("http://a/b"), "http://a/b");
    assert.equal(read("http://a", "a", "OPTIONS"), "http://a");
  });
});
