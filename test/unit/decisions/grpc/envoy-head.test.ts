import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { linesOf, readAsked, readHead } from "../../../../src/decisions/grpc/header-lines.ts";

const own = [":method", "GET", ":path", "/a?b", ":authority", "shop.example"];
const line = { method: "GET", target: "/a?b", host: "shop.example" };

function whyNot(lines: readonly string[], told = {}): string {
  const head = readHead(lines, told);
  return "why" in head ? head.why : "it was read";
}

describe("the head that Envoy shows", () => {
  it("is named by its pseudo-headers, and by what is told besides; the other lines stay as they are", () => {
    const others = ["Token", "a", "cookie", "b=c", "token", ""];
    const head = { line, headers: others, scheme: "https" };
    assert.deepEqual(readHead([...own, ":scheme", "https", ...others]), head);
    assert.deepEqual(readHead([...others, ":scheme", "https"], line), head);
    assert.deepEqual(readHead([...own, ...others], line), { ...head, scheme: "" });
    const host = ["Host", "shop.example"];
    assert.deepEqual(readHead([...own, ...host]), { line, headers: host, scheme: "" });
    assert.deepEqual(readHead([...own.slice(0, 4), ...host]), { line, headers: host, scheme: "" });
    const twice = [":METHOD", "GET", ":path", "", ...own];
    assert.deepEqual(readHead(twice, { method: "" }), { line, headers: [], scheme: "" });
  });

  it("is not known if two of those differ, or one is missing or can't stand in a request line", () => {
    for (const [name, value, why] of [
      [":method", "POST", "it has not one method"],
      [":Method", "POST", "it has not one method"],
      [":path", "/b", "it has not one target"],
      [":authority", "other.example", "it has not one host"],
      ["host", "other.example", "it has not one host"],
      ["HOST", "shop.example:80", "it has not one host"],
    ] as const) {
      assert.equal(whyNot([...own, name, value]), why);
      assert.equal(whyNot([name, value, ...own, name, value]), why);
    }
    const told = { method: "POST", target: "/b", host: "other.example" };
    for (const [place, value] of Object.entries(told)) {
      assert.equal(whyNot(own, { ...line, [place]: value }), `it has not one ${place}`);
      const { [place as "host"]: _gone, ...rest } = line;
      assert.equal(whyNot([], rest), `it has not one ${place}`);
    }
    assert.equal(whyNot([], { ...line, method: "GET /" }), "it has not one method");
    for (const target of ["/a b", "/\x7f", " "]) {
      assert.equal(whyNot([], { ...line, target }), "it has not one target");
    }
    for (const end of ["\r", "\n", "\0"]) {
      assert.equal(whyNot([...own, "a", `b${end}c`]), "a header line has a line break");
    }
    for (const name of ["", "a b", "a:", "ä"]) {
      assert.equal(whyNot([...own, name, "b"]), "a header line has no name");
    }
  });

  it("has each text with one byte a character, and in one form", () => {
    const bytes = Buffer.from("zoë");
    const lines = ["a", bytes.toString("latin1"), "b", bytes.toString("latin1"), "c", ""];
    const headerMap = {
      headers: [
        { key: "a", value: "zoë" },
        { key: "b", value: "x", rawValue: bytes },
        { key: "c" },
      ],
    };
    assert.deepEqual(linesOf(headerMap), lines);
    const asked = { method: "GET", path: "/zoë", host: "shop.example", scheme: "https" };
    const target = Buffer.from("/zoë").toString("latin1");
    const read = { line: { ...line, target }, headers: lines, scheme: "https" };
    assert.deepEqual(readAsked({ ...asked, headerMap }), read);
    const headers = { a: "zoë", b: "zoë", c: "" };
    assert.deepEqual(readAsked({ ...asked, headers }), read);
    const why = "its headers are there in two forms";
    assert.deepEqual(readAsked({ ...asked, headers, headerMap }), { why });
    assert.deepEqual(readAsked(undefined), { why: "there is no HTTP request" });
  });
});
