import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isNumericDate } from "../../../src/token/claim-checks.ts";

describe("a date in a claim", () => {
  it("is a number of seconds from 1970 to 2106, the last one that a revocation can have", () => {
    for (const date of [0, 0.5, 1_795_000_000, 2 ** 32 - 1])
      assert.ok(isNumericDate(date), `${date}`);
    const wrong = [
      -1,
      2 ** 32 - 0.5,
      2 ** 32,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      "1",
      null,
      undefined,
    ];
    for (const date of wrong) assert.ok(!isNumericDate(date), `${date}`);
  });
});
