import assert from "node:assert/strict";
import { describe, it } from "node:test";
// @ts-expect-error: a reporter is JavaScript
import failuresLast from "../tools/failures-last.mjs";

async function* eventsOf(failureType: string) {
  const error = Object.assign(new Error("in a wrapper"), {
    failureType,
    cause: new Error("what it threw"),
  });
  const place = { file: `${process.cwd()}/test/some.test.ts`, line: 3, column: 5 };
  const details = { duration_ms: 1 };
  yield { type: "test:start", data: { name: "a suite", nesting: 0, ...place } };
  yield { type: "test:start", data: { name: "a test", nesting: 1, ...place } };
  const failed = { name: "a test", nesting: 1, testNumber: 1, ...place };
  yield { type: "test:fail", data: { ...failed, details: { ...details, error } } };
  yield { type: "test:diagnostic", data: { nesting: 0, message: "tests 1" } };
}

async function linesOf(failureType: string): Promise<string[]> {
  let text = "";
  for await (const chunk of failuresLast(eventsOf(failureType))) text += chunk;
  return text.split("\n");
}

describe("the end of a run of tests", () => {
  it("names each failure with its place and its cause, before the closing lines", async () => {
    const lines = await linesOf("testCodeFailure");
    const at = lines.indexOf("# failed: a suite > a test (test/some.test.ts:3:5)");
    assert.match(lines[at + 1] ?? "", /^# {3}Error: what it threw/);
    assert.ok(at > 0 && at < lines.indexOf("# tests 1"));
  });

  it("does not name a suite for what is in it", async () => {
    const lines = await linesOf("subtestsFailed");
    assert.ok(lines.includes("# tests 1"));
    assert.ok(!lines.some((line) => line.startsWith("# failed")));
  });
});
