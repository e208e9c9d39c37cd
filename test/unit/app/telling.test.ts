import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTelling } from "../../../src/app/telling.ts";

describe("what the store asks of what is built on it", () => {
  it("is taken to be watched until it is known how many connections a revocation would end", () => {
    const { told, watchFor } = createTelling();
    assert.equal(told.isWatched(), true);
    let connections = 0;
    watchFor(() => connections);
    assert.equal(told.isWatched(), false);
    connections = 2;
    assert.equal(told.isWatched(), true);
  });

  it("tells everybody that revocations are remembered for less", () => {
    const { told, onOtherChecks } = createTelling();
    const heard: string[] = [];
    told.onOtherChecks();
    onOtherChecks(() => heard.push("one"));
    onOtherChecks(() => heard.push("other"));
    told.onOtherChecks();
    assert.deepEqual(heard, ["one", "other"]);
  });
});
