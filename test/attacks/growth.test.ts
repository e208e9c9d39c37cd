import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  measureAdminCrumbs,
  measureCrumbs,
  measureGrowth,
  measureHeads,
  measureIdle,
  measureQueue,
  measureSlowReader,
  measureStalledReaders,
  measureWaitingCrumbs,
} from "./growth.ts";
import { measureLiveConnections } from "./live.ts";

describe("memory", () => {
  it("does not grow with the number of requests", async (t) => {
    const { before, after } = await measureGrowth(t, 20_000);
    t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB`);
    // A hundred bytes kept of each would be two; a garbage collector takes its time, though.
    assert.ok(after - before < 30, `from ${before} to ${after} MB`);
  });

  it("takes little for connections that say nothing", async (t) => {
    const { before, after } = await measureIdle(t, 1000);
    t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB`);
    assert.ok(after - before < 50, `from ${before} to ${after} MB`);
  });

  it("takes little for heads of many short lines", async (t) => {
    const { before, after } = await measureHeads(t, 600);
    t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB`);
    // They are 10 MB in all; with every line kept, they were 100.
    assert.ok(after - before < 60, `from ${before} to ${after} MB`);
  });

  for (const [what, measure] of [
    ["are looked into", measureCrumbs],
    ["are read on the admin listener", measureAdminCrumbs],
    ["wait for the application", measureWaitingCrumbs],
  ] as const) {
    it(`takes little for bodies that ${what} and come a byte at a time`, async (t) => {
      const { before, after } = await measure(t, 20);
      t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB`);
      // They are 1.3 MB in all at most; kept as they came, they are 160 at least.
      assert.ok(after - before < 80, `from ${before} to ${after} MB`);
    });
  }

  it("takes little for answers in tiny chunks that nobody reads", async (t) => {
    const { before, after } = await measureStalledReaders(t, 30);
    t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB`);
    assert.ok(after - before < 60, `from ${before} to ${after} MB`);
  });

  it("takes little for requests behind one that waits", async (t) => {
    const { before, after } = await measureQueue(t, 100_000);
    t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB`);
    // With a response for each they take 100.
    assert.ok(after - before < 60, `from ${before} to ${after} MB`);
  });

  it("is given back, with all descriptors, by connections that were cut or closed", async (t) => {
    const { closes, cutMs, open, left } = await measureLiveConnections(t, 1000);
    t.diagnostic(`the last of 500 cut ${cutMs} ms after the request: ${JSON.stringify(left)}`);
    assert.deepEqual(closes, { "4401 token_revoked": 500, "1000 bye": 500 });
    assert.deepEqual([open.live, open.upgraded], [1000, 1000]);
    // Some of those from before are gone by then.
    assert.ok(open.descriptors > 1950, `${open.descriptors} descriptors`);
    assert.deepEqual([left.live, left.upgraded], [0, 0]);
    assert.ok(left.descriptors <= 6, `${left.descriptors} descriptors are left`);
  });

  it("takes little for a client that reads slowly what comes fast", async (t) => {
    const { before, after } = await measureSlowReader(t, 200);
    t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB at most`);
    assert.ok(after - before < 80, `from ${before} to ${after} MB`);
  });
});
