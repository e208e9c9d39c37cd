import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { repository } from "./repository.ts";

const source = "k8s/component/sidecar.yaml";

/** The patch of `k8s/component` for kinds that hold their pod elsewhere than at `spec.template`, by file. */
export function sidecarPatches(): [string, string][] {
  const { metadata, spec } = parse(readFileSync(join(repository, source), "utf8"));
  const written = (patch: object) =>
    `# Written by npm run docs from sidecar.yaml.\n${stringify(patch, { lineWidth: 0 })}`;
  return [
    [
      "k8s/component/sidecar-of-cron-jobs.yaml",
      written({
        ...{ apiVersion: "batch/v1", kind: "CronJob", metadata },
        spec: { jobTemplate: { spec } },
      }),
    ],
    [
      "k8s/component/sidecar-of-pods.yaml",
      written({ apiVersion: "v1", kind: "Pod", metadata, spec: spec.template.spec }),
    ],
  ];
}
