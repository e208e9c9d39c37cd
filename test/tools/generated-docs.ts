import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { configJsonSchema } from "../../src/config/json-schema.ts";
import { aclRules } from "../../src/denylist/redis/commands.ts";
import { repository } from "../helpers/program.ts";
import { configExample } from "./config-example.ts";
import { configurationPage } from "./configuration-page.ts";
import { grafanaDashboard } from "./dashboard.ts";
import { licencesPage } from "./licences-page.ts";
import { metricsPage } from "./metrics-page.ts";
import { runbookPage } from "./runbook-page.ts";
import { sidecarPatches } from "./sidecar-patches.ts";

/** What `npm run docs` writes, by file; a test compares. */
export async function generatedDocs(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["config.example.yaml", configExample()],
    ["config.schema.json", asJson(configJsonSchema())],
    ["docs/configuration.md", configurationPage()],
    ["docs/licences.md", licencesPage()],
    ["docs/metrics.md", await metricsPage()],
    ["docs/redis.md", withRules("docs/redis.md", /(?<=ACL SETUSER revgate .*?) \+.*/)],
    [
      "k8s/example/make-secrets.sh",
      withRules("k8s/example/make-secrets.sh", /(?<=commands=")\+[^"]*/),
    ],
    ["k8s/monitoring/dashboard.json", asJson(grafanaDashboard())],
    ["k8s/monitoring/prometheus-rule.yaml", prometheusRule()],
    ...sidecarPatches(),
    ["src/admin/status-page/runbook.html", runbookPage()],
  ]);
}

function asJson(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** A file of our own with the rules of the ACL where the pattern is. */
function withRules(file: string, pattern: RegExp): string {
  const text = readFileSync(join(repository, file), "utf8");
  const found = pattern.exec(text)?.[0];
  if (found === undefined) throw new Error(`${file} has no place for the rules of the ACL`);
  const space = found.startsWith(" ") ? " " : "";
  return text.replace(found, `${space}${aclRules().join(" ")}`);
}

/** The rules as an object of the Prometheus operator's. */
function prometheusRule(): string {
  const rules = parse(readFileSync(join(repository, "k8s/monitoring/revgate.rules.yaml"), "utf8"));
  const rule = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "revgate", labels: { "app.kubernetes.io/name": "revgate" } },
    spec: rules,
  };
  return `# Written by npm run docs from revgate.rules.yaml.\n${stringify(rule, { lineWidth: 0 })}`;
}
