import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { findProgram } from "../tools/programs.ts";

const rulesFile = join(repository, "k8s/monitoring/revgate.rules.yaml");

/** Series of a sidecar by name and labels; values as promtool writes them, a minute each. */
type Series = Readonly<Record<string, string>>;

const scrapes = 60;
const minutesFrom = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);
/** When each alert is looked at: all the time while something happens, the first scrape of a new pod included. */
const minutes = [...minutesFrom(17, 31), 40, 59];

/** A sidecar that has been up for long and to which nothing happens: no request, and counters of some past. */
function atRest(instance: string): Series {
  const labels = `job="revgate", namespace="shop", instance="${instance}"`;
  const still = (value: number | string) => `${value}x${scrapes}`;
  const counters = [
    ...["journal_losses", "subjects_not_found", "tokens_without_subject", "subjects_kept"],
    ...["unproven_revocations_refused", "log_lines_dropped", "clock_steps"],
    ...["signature_check_waits", "revoked_tokens_handed_out", "cutoffs_ahead"],
  ].map((name) => [`revgate_${name}_total{${labels}}`, still(7)] as const);
  const labelled = [
    ...["forwarded", "token_invalid", "keys_unavailable", "upstream_unreachable"].map(
      (outcome) => `requests_total{outcome="${outcome}", `,
    ),
    ...['signals_total{result="failed", ', 'jwks_fetches_total{result="failed", '],
    ...['admin_refused_total{reason="secret", ', 'uncaught_errors_total{door="admin", '],
    ...['ignored_total{source="feed", '],
    ...["0.01", "5", "+Inf"].flatMap((le) => [
      `check_duration_seconds_bucket{le="${le}", `,
      `hold_duration_seconds_bucket{le="${le}", `,
    ]),
  ].map((name) => [`revgate_${name}${labels}}`, still(7)] as const);
  const gauges = [
    ...["redis_up", "clock_trusted", "config_last_reload_successful", "ready", "build_info"].map(
      (name) => [`revgate_${name}`, 1] as const,
    ),
    ...["outbox_pending", "journal_failing", "observing", "upstream_queue"].map(
      (name) => [`revgate_${name}`, 0] as const,
    ),
    ...[["revgate_redis_staleness_seconds", 0.05] as const, ["up", 1] as const],
    ...[["revgate_jwks_age_seconds", 300] as const],
    ...[["nodejs_eventloop_lag_p99_seconds", 0.01] as const],
    ...[["revgate_certificate_expiry_timestamp_seconds", 90 * 86400] as const],
  ].map(([name, value]) => [`${name}{${labels}}`, still(value)] as const);
  const failure = [`revgate_redis_failure{cause="wrongpass", ${labels}}`, still(0)] as const;
  return Object.fromEntries([...counters, ...labelled, ...gauges, failure]);
}

/** The same with other values for some names. */
function changed(series: Series, change: (name: string, value: string) => string): Series {
  return Object.fromEntries(
    Object.entries(series).map(([name, value]) => [name, change(name, value)] as const),
  );
}

const lost = (count: number) => ` _x${count - 1}`;
/** What is nothing to wake somebody for, by name. */
const quiet: Readonly<Record<string, readonly Series[]>> = {
  "an idle night": [atRest("a"), atRest("b")],
  // Prometheus was restarted, or its network was away: no sample for four minutes, then all as before.
  "a scrape gap": [
    changed(atRest("a"), (_name, value) => {
      const [each] = value.split("x");
      return `${each}x20${lost(4)} ${each}x34`;
    }),
  ],
  "a rollout": [
    // The old pod ends: its series are stale with the scrape after it, and stay away.
    changed(atRest("a"), (name, value) => {
      const [each] = value.split("x");
      const drains = /^revgate_ready/.test(name) ? " 0" : ` ${each}`;
      return `${each}x20${drains} stale${lost(scrapes - 22)}`;
    }),
    // The new one begins before that: with counters at 0, not ready, without Redis, with no memory yet, and busy.
    changed(atRest("b"), (name, value) => {
      const [each] = value.split("x");
      const rest = `${each}x${scrapes - 22}`;
      const first = `_x18 `;
      if (/_total|_bucket/.test(name)) return `${first}0 0 0 0x${scrapes - 22}`;
      if (/_ready|redis_up/.test(name)) return `${first}0 ${rest}`;
      if (/staleness/.test(name)) return `${first}30 ${rest}`;
      if (/eventloop/.test(name)) return `${first}0.9 ${rest}`;
      return `${first}${each} ${rest}`;
    }),
  ],
};

/** A busy sidecar to which all that is normal happens, each for a moment: the first world of rules.test.yaml. */
function momentsOf(): { readonly name: string; readonly input_series: readonly object[] } {
  const [first] = parse(readFileSync(join(repository, "test/ops/rules.test.yaml"), "utf8")).tests;
  assert.equal(first.name, "nothing is wrong");
  return first;
}

describe("alerts that stay silent", () => {
  it("do so in an idle night, in a rollout, over a gap of scrapes, and at what is over in a moment", (t) => {
    const { rules } = parse(readFileSync(rulesFile, "utf8")).groups[0];
    const silentAt = (looked: readonly number[]) =>
      (rules as { alert: string }[]).flatMap(({ alert }) =>
        looked.map((minute) => {
          return { eval_time: `${minute}m`, alertname: alert, exp_alerts: [] };
        }),
      );
    const worlds = Object.entries(quiet).map(([name, sidecars]) => ({
      name,
      interval: "1m",
      input_series: sidecars.flatMap((series) =>
        Object.entries(series).map(([each, values]) => ({ series: each, values })),
      ),
      alert_rule_test: silentAt(minutes),
    }));
    const tests = [...worlds, { ...momentsOf(), alert_rule_test: silentAt(minutesFrom(1, 40)) }];
    const directory = temporaryDirectory(t);
    const file = join(directory, "quiet.test.yaml");
    writeFileSync(
      file,
      JSON.stringify({ rule_files: [rulesFile], evaluation_interval: "1m", tests }),
    );
    const { status, stdout, stderr } = spawnSync(
      findProgram(["promtool"]),
      ["test", "rules", file],
      {
        encoding: "utf8",
      },
    );
    assert.equal(status, 0, `${stdout}${stderr}`);
    // Every metric that a rule asks for is among the series, or silence would say nothing.
    const names = new Set(Object.keys(atRest("a")).map((series) => series.split("{")[0]));
    for (const { expr } of rules as { expr: string }[])
      for (const [name] of expr.matchAll(/\b(?:revgate|nodejs)_\w+/g))
        assert.ok(names.has(name), name);
  });
});
