import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repository } from "../tools/repository.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");

/** Only a Prometheus can notice it: a sidecar that answers is not absent. */
const unseen = ["RevgateAbsent"];

describe("the status page", () => {
  it("looks for what every alert looks for (troubles.js), and for nothing without an alert", () => {
    const folder = "src/admin/status-page";
    const script = readdirSync(join(repository, folder)).map((file) =>
      file.endsWith(".js") ? read(join(folder, file)) : "",
    );
    const named = [...script.join("").matchAll(/"(Revgate\w+)"/g)].map(([, name]) => name);
    const rules = read("k8s/monitoring/revgate.rules.yaml");
    const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name);
    assert.deepEqual([...new Set([...named, ...unseen])].sort(), alerts.sort());
    const sections = read(join(folder, "runbook.html"));
    for (const name of named) assert.ok(sections.includes(`id="${name?.toLowerCase()}"`), name);
  });
});
