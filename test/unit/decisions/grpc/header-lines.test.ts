import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  linesOf,
  readAsked,
  readHead,
  replacing,
} from "../../../../src/decisions/grpc/header-lines.ts";

const pseudo = [":method", "POST", ":path", "/logout", ":authority", "shop", ":scheme", "https"];

describe("the head that Envoy shows", () => {
  it("is its pseudo-headers, and the other lines in their order", () => {
    assert.deepEqual(readHead([...pseudo, "token", "a", "token", "b"]), {
      line: { method: "POST", target: "/logout", host: "shop" },
      ...{ headers: ["token", "a", "token", "b"], scheme: "https" },
    });
  });

  it("is not read if it is told twice, and in two ways", () => {
    const why = (lines: readonly string[], told = {}) => {
      const head = readHead(lines, told);
      return "why" in head ? head.why : undefined;
    };
    assert.equal(why(pseudo, { method: "POST", target: "/logout", host: "shop" }), undefined);
    assert.equal(why([...pseudo, "host", "shop"]), undefined);
    for (const [told, expected] of [
      [{ method: "GET" }, "it has not one method"],
      [{ target: "/" }, "it has not one target"],
      [{ host: "bank" }, "it has not one host"],
    ] as const)
      assert.equal(why(pseudo, told), expected);
    assert.equal(why([...pseudo, "Host", "bank"]), "it has not one host");
    assert.equal(why(pseudo.slice(2)), "it has not one method");
    assert.equal(why(["m", "", ...pseudo]), undefined);
  });

  it("is not read if a line can end another, or has no name, or a part is none", () => {
    const why = (...lines: string[]) => {
      const head = readHead([...pseudo, ...lines]);
      return "why" in head ? head.why : undefined;
    };
    for (const end of ["\0", "\r", "\n"])
      assert.equal(why("a", `b${end}c`), "a header line has a line break");
    for (const name of ["", "a b", "a:b"])
      assert.equal(why(name, "x"), "a header line has no name");
    const of = (method: string, path: string) =>
      readHead([":method", method, ":path", path, "host", "a"]);
    assert.deepEqual(of("G T", "/"), { why: "it has not one method" });
    for (const path of ["/a b", "/\x7f"])
      assert.deepEqual(of("GET", path), { why: "it has not one target" });
  });
});

describe("the request of a CheckRequest", () => {
  const http = { method: "GET", path: "/ü", host: "shop", scheme: "https" };

  it("has its headers in one form, one byte a character", () => {
    const lines = {
      headers: [
        { key: "a", value: "ü" },
        { key: "b", value: "x", rawValue: Buffer.from([0xfc]) },
      ],
    };
    assert.deepEqual(linesOf(lines), ["a", "Ã¼", "b", "ü"]);
    assert.deepEqual(linesOf({ headers: [{ key: "a", value: "x", rawValue: Buffer.alloc(0) }] }), [
      "a",
      "x",
    ]);
    assert.deepEqual(linesOf({}), []);
    const read = readAsked({ ...http, headers: { token: "a" } });
    assert.deepEqual(read, {
      line: { method: "GET", target: "/Ã¼", host: "shop" },
      ...{ headers: ["token", "a"], scheme: "https" },
    });
    assert.deepEqual(readAsked({ ...http, headerMap: lines, headers: { token: "a" } }), {
      why: "its headers are there in two forms",
    });
    const raw = readAsked({ ...http, headerMap: lines });
    assert.deepEqual("headers" in raw && raw.headers, ["a", "Ã¼", "b", "ü"]);
    assert.deepEqual(readAsked(undefined), { why: "there is no HTTP request" });
  });

  it("has the scheme that is said besides, or that of its lines", () => {
    const lines = { headers: [{ key: ":scheme", value: "http" }] };
    const scheme = (said: string) => {
      const read = readAsked({ ...http, scheme: said, headerMap: lines });
      return "scheme" in read && read.scheme;
    };
    assert.deepEqual([scheme("https"), scheme("")], ["https", "http"]);
  });
});

describe("lines that replace others", () => {
  it("take the place of what is there, and stand beside those of their own name", () => {
    const set = replacing(["A", "1", "b", "ü", "a", "2"], "text");
    assert.deepEqual(set, [
      { header: { key: "a", value: "1" }, append: { value: false } },
      { header: { key: "b", value: "\ufffd" }, append: { value: false } },
      { header: { key: "a", value: "2" }, append: { value: true } },
    ]);
    const [bytes] = replacing(["A", "ü"], "bytes");
    assert.deepEqual(bytes?.header, { key: "a", rawValue: Buffer.from([0xfc]) });
  });
});
