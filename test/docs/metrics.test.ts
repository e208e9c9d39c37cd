import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exposition, metricsPage } from "../tools/metrics-page.ts";

describe("docs/metrics.md", () => {
  it("lists every metric that is exposed, with what it says", async () => {
    const names = [...(await exposition()).matchAll(/^# TYPE (revgate_\w+) /gm)].map(
      ([, name]) => name,
    );
    const listed = [...(await metricsPage()).matchAll(/^\| `(revgate_\w+)` \|.* \| \S.* \|$/gm)];
    assert.deepEqual(
      listed.map(([, name]) => name),
      names,
    );
    assert.ok(names.length > 30, `${names.length}`);
  });
});
