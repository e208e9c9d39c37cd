import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonicalSpellings } from "../../../src/token/respelled-signature.ts";

describe("canonicalSpellings", () => {
  const signature = "q-_7uw";
  const token = `eyJh.eyJz.${signature}`;

  it("has the one that revgate reads, for each that a decoder reads the same", () => {
    const sent = [
      "q+/7uw",
      "q-_7ux",
      "q-_7uw==",
      "q-_7uw==more",
      "q-_7uw=more",
      "q-_\n7uw",
      " q-_7uw",
      "q-_7uw.x",
    ];
    for (const other of sent)
      assert.ok(canonicalSpellings(`eyJh.eyJz.${other}`).includes(token), other);
    for (const around of [` ${token}`, `"${token}"`, `Bearer ${token}`])
      assert.ok(canonicalSpellings(around).includes(token), around);
  });

  it("has none for the token itself as every decoder reads it, and for what is none", () => {
    assert.deepEqual(canonicalSpellings("eyJh.eyJz.qqq7uw"), []);
    for (const text of ["", "a", "a.b", "..", "a..b", "eyJh.!.x"])
      assert.deepEqual(canonicalSpellings(text), [], text);
  });

  it("has few, whatever is sent", () => {
    for (const text of ["=", "-=_=", "a=b==c===", "=".repeat(4000), "-_=".repeat(1000)])
      assert.ok(canonicalSpellings(`a.b.${text}`).length <= 6, text);
    assert.deepEqual(canonicalSpellings(`a.b.${"c".repeat(4097)}`), []);
  });
});
