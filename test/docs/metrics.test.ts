import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { outcomes } from "../../src/gateway/visit.ts";
import { createMetrics } from "../../src/observability/metrics.ts";
import { repository } from "../helpers/program.ts";

const text = readFileSync(join(repository, "docs/metrics.md"), "utf8");
const documented = new Map(
  [...text.matchAll(/^\| `(revgate_\w+)` \| (\w+) \|([^|]*)\|/gm)].map(([, name, type, labels]) => [
    name,
    { type, labels: [...(labels ?? "").matchAll(/`(\w+)`/g)].map(([, label]) => label) },
  ]),
);

async function exposed(): Promise<string> {
  const metrics = createMetrics(outcomes, "test");
  metrics.observe({
    denylistEntries: () => 1,
    journalBytes: () => 1,
    connections: () => 1,
    liveConnections: () => 1,
    redisStaleness: () => 1,
    jwksAge: () => 1,
  });
  return (await metrics.render()).text;
}

describe("docs/metrics.md", () => {
  it("lists every metric with its type, and no other", async () => {
    const types = [...(await exposed()).matchAll(/^# TYPE (revgate_\w+) (\w+)$/gm)];
    const found = types.map(([, name, type]) => `${name} ${type}`).sort();
    const listed = [...documented].map(([name, { type }]) => `${name} ${type}`).sort();
    assert.deepEqual(listed, found);
  });

  it("lists the labels of each", async () => {
    const output = await exposed();
    for (const [name, { labels }] of documented) {
      const sample = new RegExp(`^${name}(?:_bucket)?(?:\\{([^}]*)\\})? `, "m").exec(output);
      const used = [...(sample?.[1] ?? "").matchAll(/(\w+)=/g)]
        .map(([, label]) => label)
        .filter((label) => label !== "le");
      assert.deepEqual(used, labels, String(name));
    }
  });
});
