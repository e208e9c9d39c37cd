import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jsonAccepted } from "../../../src/http/accept.ts";

describe("what is accepted of an answer that is read", () => {
  it("is JSON, in the types that a client names, and nothing else", () => {
    const cases: [string[], string][] = [
      [[], "application/json"],
      [["*/*"], "application/json"],
      [["application/xml", "text/html;q=0.5"], "application/json"],
      [["application/xml, Application/JSON;q=0.1"], "Application/JSON;q=0.1"],
      [
        ["application/vnd.api+json", "application/json"],
        "application/vnd.api+json, application/json",
      ],
      [["application/jsonp, application/x-json"], "application/json"],
    ];
    for (const [lines, expected] of cases)
      assert.equal(jsonAccepted(lines), expected, lines.join());
  });
});
