import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { findProgram } from "../tools/programs.ts";
import { type Edge, edges } from "./alert-edges.ts";

const rulesFile = join(repository, "k8s/monitoring/revgate.rules.yaml");
const rules: { readonly alert: string }[] = parse(readFileSync(rulesFile, "utf8")).groups[0].rules;
/** Before it is bad, and after: longer than any rule looks back, but for those that say how long they last. */
const [beforeMinutes, afterMinutes] = [20, 70];

/** One sample each half minute: all well, then bad, then well again. Counters keep what they have counted. */
function samplesOf([well, bad]: readonly [string, string], minutes: number): string {
  const samples: string[] = [];
  let last = 0;
  const add = (value: string, count: number) => {
    for (let i = 0; i < count; i += 1) {
      if (value.startsWith("+")) last += Number(value.slice(1));
      else if (value !== "stale") last = Number(value);
      samples.push(value === "stale" ? value : String(last));
    }
  };
  add(well, 2 * beforeMinutes);
  const steps = bad.replace("!", "").split(" ");
  for (const [at, step] of steps.entries()) {
    const [value = "", count = "1"] = step.split("x");
    const left = 2 * (beforeMinutes + minutes) - samples.length;
    add(value, at === steps.length - 1 ? left : Number(count));
  }
  const isCounter = bad.startsWith("+") || bad.endsWith("!");
  add(isCounter && !well.startsWith("+") ? "+0" : well, 2 * afterMinutes);
  return samples.join(" ");
}

/** The series of two sidecars, and of an application beside them that is in a bad way. */
function seriesOf(edge: Edge, values: Edge["just"]): object[] {
  const minutes = edge.lasting ?? 30;
  const areAlike = edge.by !== undefined && !("instance" in edge.by);
  const place = 'job="shop-revgate", namespace="shop"';
  const always = samplesOf(["1", "1"], minutes);
  const all = [
    { series: `revgate_build_info{${place}, instance="c"}`, values: always },
    { series: 'up{job="shop", instance="d"}', values: samplesOf(["0", "0"], minutes) },
    { series: 'nodejs_eventloop_lag_p99_seconds{job="shop", instance="d"}', values: always },
  ].filter(({ series }) => edge.alert !== "RevgateAbsent" || !series.startsWith("revgate"));
  for (const [name, pair] of Object.entries(values)) {
    const [metric, own = ""] = name.split(/[{}]/);
    const add = (labels: string, each: readonly [string, string]) => {
      const series = `${metric}{${[place, labels, own].filter((part) => part !== "").join(", ")}}`;
      all.push({ series, values: samplesOf(each, minutes) });
    };
    const well = [pair[0], pair[0]] as const;
    add('instance="a"', pair);
    if (edge.beside === true) add('instance="a", pod="former"', well);
    add('instance="b"', areAlike ? pair : well);
  }
  return all;
}

function worldsOf(edge: Edge): object[] {
  const { alert, severity, by = { instance: "a" }, lasting = 30 } = edge;
  const endMinutes = beforeMinutes + lasting + afterMinutes - 1;
  const times = (state: string) =>
    `count_over_time(ALERTS{alertname="${alert}"${state}}[${endMinutes}m]) / 2`;
  const at = { eval_time: `${endMinutes}m` };
  const place = alert === "RevgateAbsent" ? {} : { job: "shop-revgate", namespace: "shop" };
  const states = ["pending", "firing"].map((alertstate, index) => {
    const labels = { alertname: alert, alertstate, severity, ...place, ...by };
    const text = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
    const value = edge.minutes[index] ?? 0;
    const exp_samples = value === 0 ? [] : [{ labels: `{${text.join(", ")}}`, value }];
    return { ...at, expr: times(`, alertstate="${alertstate}"`), exp_samples };
  });
  const silent = [{ ...at, expr: times(', alertstate="firing"'), exp_samples: [] }];
  const world = (values: Edge["just"], tests: object[]) => ({
    ...{ name: `${alert} ${JSON.stringify(values)}`, interval: "30s" },
    ...{ input_series: seriesOf(edge, values), promql_expr_test: tests },
  });
  return [world(edge.just, states), ...(edge.nearly ?? []).map((values) => world(values, silent))];
}

describe("the edges of alerts", () => {
  it("are where the rules say: so bad, for so long, at that sidecar", (t) => {
    const directory = temporaryDirectory(t);
    // Each rule alone with its own worlds: the others would be evaluated in all of them.
    const files = rules.map((rule) => {
      const at = (kind: string) => join(directory, `${rule.alert}.${kind}.yaml`);
      writeFileSync(at("rules"), JSON.stringify({ groups: [{ name: "one", rules: [rule] }] }));
      const tests = edges.filter(({ alert }) => alert === rule.alert).flatMap(worldsOf);
      const asked = { rule_files: [at("rules")], evaluation_interval: "30s", tests };
      writeFileSync(at("test"), JSON.stringify(asked));
      return at("test");
    });
    const { status, stdout, stderr } = spawnSync(
      findProgram(["promtool"]),
      ["test", "rules", ...files],
      { encoding: "utf8", maxBuffer: 1e8 },
    );
    assert.equal(status, 0, `${stdout}${stderr}`);
  });

  it("are known of each alert", () => {
    const names = new Set(rules.map(({ alert }) => alert));
    assert.deepEqual(new Set(edges.map(({ alert }) => alert)), names);
  });
});
