import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { measureLogouts } from "./logouts.ts";

describe("many logouts in one moment", () => {
  it("are all answered, and each token is dead behind its answer", async (t) => {
    const count = 1000;
    const { answers, alive, tookMs } = await measureLogouts(t, count, "redis");
    t.diagnostic(`${tookMs} ms`);
    assert.deepEqual([answers, alive], [{ "200": count }, 0]);
  });
});
