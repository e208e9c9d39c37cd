import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLong } from "../helpers/form.ts";
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

/** The short form has fewer of all, and finds what is larger in proportion. */
const [requests, trickling, stalled, live, megabytes] = isLong
  ? [20_000, 20, 30, 1000, 200]
  : [6_000, 10, 6, 300, 120];

describe("memory", () => {
  it("does not grow with the number of requests", async (t) => {
    const { before, after } = await measureGrowth(t, requests, requests);
    t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB`);
    // A hundred bytes kept of each would be one or two; a garbage collector takes its time, though.
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
      const { before, after } = await measure(t, trickling);
      t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB`);
      // They are 1.3 MB in all at most; kept as they came, they are 80 or 160 at least.
      assert.ok(after - before < 4 * trickling, `from ${before} to ${after} MB`);
    });
  }

  it("takes little for answers in tiny chunks that nobody reads", async (t) => {
    const { before, after } = await measureStalledReaders(t, stalled);
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
    const { closes, cutMs, open, left } = await measureLiveConnections(t, live);
    t.diagnostic(
      `the last of ${live / 2} cut ${cutMs} ms after the request: ${JSON.stringify(left)}`,
    );
    assert.deepEqual(closes, { "4401 token_revoked": live / 2, "1000 bye": live / 2 });
    assert.deepEqual([open.live, open.upgraded], [live, live]);
    // Some of those from before are gone by then.
    assert.ok(open.descriptors > 2 * live - 50, `${open.descriptors} descriptors`);
    assert.deepEqual([left.live, left.upgraded], [0, 0]);
    assert.ok(left.descriptors <= 6, `${left.descriptors} descriptors are left`);
  });

  it("takes little for a client that reads slowly what comes fast", async (t) => {
    const { before, after } = await measureSlowReader(t, megabytes);
    t.diagnostic(`${before.toFixed()} MB, then ${after.toFixed()} MB at most`);
    assert.ok(after - before < 80, `from ${before} to ${after} MB`);
  });
});
