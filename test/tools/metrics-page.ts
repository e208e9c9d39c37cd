import { entryKinds } from "../../src/denylist/denylist.ts";
import { outcomes } from "../../src/gateway/visit.ts";
import type { MetricSources } from "../../src/observability/metrics/sources.ts";
import { createMetrics } from "../../src/observability/metrics.ts";

const introduction = `# Metrics

On the admin listener, \`GET /metrics\`, in Prometheus text format. Every series exists from the start; no path, user or
token is ever a label. Besides these there are the process's own (\`process_…\`, \`nodejs_…\`). Written by \`npm run docs\`
from what revgate exposes; do not edit. Alerts and what to do about each: the [runbook](runbook.md).
`;

/** The metrics as Prometheus would read them from a revgate that has just started. */
export async function exposition(): Promise<string> {
  const metrics = createMetrics({ outcomes, kinds: entryKinds }, "test");
  // Whatever is read on demand is 1.
  metrics.observe(new Proxy({} as MetricSources, { get: () => () => 1 }));
  return (await metrics.render()).text;
}

/** docs/metrics.md: every metric with its type, its labels and what it says. */
export async function metricsPage(): Promise<string> {
  const text = await exposition();
  const rows = [...text.matchAll(/^# HELP (revgate_\w+) (.*)\n# TYPE \S+ (\w+)\n(.*)$/gm)].map(
    ([, name = "", help = "", type = "", sample = ""]) =>
      `| \`${name}\` | ${type} | ${labelsOf(sample)} | ${help} |`,
  );
  return `${introduction}\n| metric | type | labels | what it says |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function labelsOf(sample: string): string {
  const [, labels = ""] = /\{([^}]*)\}/.exec(sample) ?? [];
  return [...labels.matchAll(/(\w+)="/g)]
    .filter(([, label]) => label !== "le")
    .map(([, label]) => `\`${label}\``)
    .join(", ");
}
