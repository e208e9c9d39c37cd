import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  createRepeatedRefusals,
  writtenRefusals,
} from "../../../src/observability/repeated-refusals.ts";

describe("refusals of one token", () => {
  it("are written ten times in a minute; then one line says so, and the next minute begins anew", () => {
    let nowMs = 0;
    const told: string[] = [];
    const isWritten = createRepeatedRefusals(
      (token, facts: string) => told.push(`${token} ${facts}`),
      () => nowMs,
    );
    const refuse = (token: string, times: number) =>
      Array.from({ length: times }, () => isWritten(token, "facts")).filter(Boolean).length;

    assert.equal(refuse("a", writtenRefusals), writtenRefusals);
    assert.deepEqual(told, []);
    assert.equal(refuse("a", 100), 0);
    assert.deepEqual(told, ["a facts"]);
    // Another's are none of its.
    assert.equal(refuse("b", 1), 1);
    nowMs = 59_999;
    assert.equal(refuse("a", 1), 0);
    nowMs = 60_000;
    assert.equal(refuse("a", 100), writtenRefusals);
    assert.equal(told.length, 2);
  });

  it("are forgotten, oldest first, rather than take more memory", () => {
    const told: string[] = [];
    const isWritten = createRepeatedRefusals((token) => told.push(token));
    for (let at = 0; at < writtenRefusals; at += 1) isWritten("a", undefined);
    for (let at = 0; at < 1000; at += 1) isWritten(`other ${at}`, undefined);
    assert.equal(isWritten("a", undefined), true);
    assert.deepEqual(told, []);
  });
});
