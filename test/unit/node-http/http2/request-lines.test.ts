import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { requestLines } from "../../../../src/node-http/http2/request-lines.ts";

const get = [":method", "GET", ":scheme", "https", ":path", "/a", ":authority", "shop"];

describe("a request of HTTP/2 in lines of HTTP/1.1", () => {
  it("has its authority as Host, before all else", () => {
    assert.deepEqual(requestLines([...get, "a", "1", "a", "2"], false), {
      ...{ method: "GET", target: "/a" },
      headers: ["host", "shop", "a", "1", "a", "2"],
    });
    assert.deepEqual(requestLines([...get, "host", "SHOP"], false).headers, ["host", "shop"]);
    const alone = [...get.slice(0, 6), "host", "shop"];
    assert.deepEqual(requestLines(alone, false).headers, ["host", "shop"]);
  });

  it("keeps a Host that differs, so that there are two", () => {
    const { headers } = requestLines([...get, "host", "other"], false);
    assert.deepEqual(headers, ["host", "shop", "host", "other"]);
  });

  it("has one cookie of its crumbs", () => {
    const crumbs = ["cookie", "a=1", "x", "y", "cookie", "b=2", "cookie", "c=3"];
    assert.deepEqual(requestLines([...get, ...crumbs], false).headers, [
      ...["host", "shop", "cookie", "a=1; b=2; c=3", "x", "y"],
    ]);
  });

  it("says how its body ends", () => {
    const last = (fields: string[], hasBody: boolean) =>
      requestLines([...get, ...fields], hasBody).headers.slice(-2);
    assert.deepEqual(last([], true), ["transfer-encoding", "chunked"]);
    assert.deepEqual(last(["content-length", "3"], true), ["content-length", "3"]);
    assert.deepEqual(last([], false), ["host", "shop"]);
  });

  it("has no target where HTTP/1.1 would have another one", () => {
    const targetOf = (scheme: string, path: string, more: string[] = []) =>
      requestLines([":method", "GET", ":scheme", scheme, ":path", path, ...more], false).target;
    assert.equal(targetOf("http", "*"), "*");
    assert.equal(targetOf("ftp", "/a"), "");
    assert.equal(targetOf("http", "http://shop/a"), "");
    assert.equal(targetOf("http", ""), "");
    for (const name of ["connection", "transfer-encoding", "upgrade"]) {
      assert.equal(targetOf("http", "/a", [name, "x"]), "", name);
    }
    assert.equal(requestLines([":method", "CONNECT", ":authority", "a:1"], true).target, "");
  });
});
