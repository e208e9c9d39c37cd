/**
 * The Grafana dashboard, as a table of panels: `npm run docs` writes it to k8s/monitoring/dashboard.json.
 *
 * Every expression is asked of a real Prometheus in test/ops.
 */

interface Series {
  readonly expr: string;
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly series: readonly Series[];
}

const chosen = 'job=~"$job",instance=~"$instance"';
const each = (metric: string, labels = "") =>
  `${metric}{${[chosen, labels].filter(Boolean).join(",")}}`;
const rate = (metric: string, labels = "") => `rate(${each(metric, labels)}[$__rate_interval])`;
const sum = (expr: string, by = "") => (by === "" ? `sum(${expr})` : `sum by (${by}) (${expr})`);

/** Median and 99th percentile of a histogram of seconds. */
const quantiles = (histogram: string): Series[] =>
  [0.5, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, ${sum(rate(`${histogram}_bucket`), "le")})`,
    legend: `p${quantile * 100}`,
  }));

const perInstance = (metric: string): Series[] => [{ expr: each(metric), legend: "{{instance}}" }];

const rows: Readonly<Record<string, readonly Panel[]>> = {
  Traffic: [
    {
      title: "Requests by outcome",
      description:
        "How requests ended: forwarded, or refused for one of the reasons in docs/errors.md.",
      unit: "reqps",
      series: [{ expr: sum(rate("revgate_requests_total"), "outcome"), legend: "{{outcome}}" }],
    },
    {
      title: "Refusals by reason",
      description:
        "Requests that did not reach the application, or whose answer did not reach the client.",
      unit: "reqps",
      series: [
        {
          expr: sum(
            rate(
              "revgate_requests_total",
              'outcome!~"forwarded|preflight_answered|logout_answered|allowed"',
            ),
            "outcome",
          ),
          legend: "{{outcome}}",
        },
      ],
    },
    {
      title: "Added latency",
      description: "Time from receiving a request's head to deciding about it.",
      unit: "s",
      series: quantiles("revgate_check_duration_seconds"),
    },
    {
      title: "The application's latency",
      description: "From a forwarded request to the head of its response.",
      unit: "s",
      series: quantiles("revgate_upstream_duration_seconds"),
    },
  ],
  Revocations: [
    {
      title: "Revocations by trigger",
      description:
        "What caused them: routes, identity providers, commands, lost or crashed requests.",
      unit: "ops",
      series: [{ expr: sum(rate("revgate_revocations_total"), "trigger"), legend: "{{trigger}}" }],
    },
    {
      title: "Revocations by kind",
      description: "What they name: one token, a jti, a session, or all of a subject.",
      unit: "ops",
      series: [{ expr: sum(rate("revgate_revocations_total"), "kind"), legend: "{{kind}}" }],
    },
    {
      title: "Hold time",
      description: "How long the application's 2xx was kept until the revocation was in force.",
      unit: "s",
      series: quantiles("revgate_hold_duration_seconds"),
    },
    {
      title: "Holds",
      description: "Responses kept back now; those never released; resets that named nobody.",
      unit: "short",
      series: [
        { expr: sum(each("revgate_holds")), legend: "kept back now" },
        { expr: sum(rate("revgate_holds_withheld_total")), legend: "withheld a second" },
        {
          expr: sum(rate("revgate_subjects_not_found_total")),
          legend: "no subject found a second",
        },
      ],
    },
  ],
  Store: [
    {
      title: "Freshness",
      description:
        "Age of the proof that memory holds all that Redis does: below staleness no request waits.",
      unit: "s",
      series: perInstance("revgate_redis_staleness_seconds"),
    },
    {
      title: "Redis",
      description: "Connection up; epochs seen: each step is a loss of data or a change of server.",
      unit: "short",
      series: [
        { expr: each("revgate_redis_up"), legend: "up {{instance}}" },
        { expr: each("revgate_redis_epochs_total"), legend: "epochs {{instance}}" },
      ],
    },
    {
      title: "Not acknowledged by Redis",
      description: "Revocations recorded in a journal that Redis has not taken yet.",
      unit: "short",
      series: perInstance("revgate_outbox_pending"),
    },
    {
      title: "Revocations in memory",
      description: "All live ones that a sidecar knows of.",
      unit: "short",
      series: perInstance("revgate_denylist_entries"),
    },
  ],
  Journal: [
    {
      title: "Sync time",
      description: "Writing and syncing one group of records.",
      unit: "s",
      series: quantiles("revgate_journal_sync_duration_seconds"),
    },
    {
      title: "Size",
      description: "It is compacted in the background when most of it is dead.",
      unit: "bytes",
      series: perInstance("revgate_journal_size_bytes"),
    },
    {
      title: "Failing",
      description: "1 while it cannot be written: logouts get 503 meanwhile.",
      unit: "short",
      series: perInstance("revgate_journal_failing"),
    },
  ],
  Connections: [
    {
      title: "Connections",
      description: "Of clients; those upgraded to WebSocket; those that end with their token.",
      unit: "short",
      series: [
        { expr: sum(each("revgate_connections")), legend: "clients" },
        { expr: sum(each("revgate_upgraded_connections")), legend: "WebSocket" },
        { expr: sum(each("revgate_live_connections")), legend: "live" },
      ],
    },
    {
      title: "Cut connections",
      description: "WebSocket connections and streams that ended with their token.",
      unit: "ops",
      series: [
        { expr: sum(rate("revgate_connections_cut_total"), "reason"), legend: "{{reason}}" },
      ],
    },
  ],
  Tokens: [
    {
      title: "Verification cache",
      description: "Share of look-ups for which no signature had to be checked.",
      unit: "percentunit",
      series: [
        {
          expr: `${sum(rate("revgate_verification_cache_lookups_total", 'result="hit"'))} / ${sum(rate("revgate_verification_cache_lookups_total"))}`,
          legend: "hits",
        },
      ],
    },
    {
      title: "Signature checks",
      description: "Far more than logins means a flood of forged tokens.",
      unit: "ops",
      series: [
        { expr: sum(rate("revgate_signature_checks_total")), legend: "checks" },
        {
          expr: sum(rate("revgate_signature_check_waits_total"), "result"),
          legend: "waited: {{result}}",
        },
      ],
    },
    {
      title: "Time for signatures",
      description: "Share of a core: at most limits.signatureCheckShare.",
      unit: "percentunit",
      series: [{ expr: rate("revgate_signature_check_seconds_total"), legend: "{{instance}}" }],
    },
    {
      title: "Identity providers",
      description: "Fetches of their keys, and what became of their events.",
      unit: "ops",
      series: [
        { expr: sum(rate("revgate_jwks_fetches_total"), "result"), legend: "keys {{result}}" },
        { expr: sum(rate("revgate_signals_total"), "result"), legend: "events {{result}}" },
      ],
    },
  ],
  Process: [
    {
      title: "CPU",
      description: "Seconds of CPU a second.",
      unit: "percentunit",
      series: [{ expr: rate("process_cpu_seconds_total"), legend: "{{instance}}" }],
    },
    {
      title: "Memory",
      description: "Resident.",
      unit: "bytes",
      series: perInstance("process_resident_memory_bytes"),
    },
    {
      title: "Event loop lag, p99",
      description: "How late the process gets to what is due.",
      unit: "s",
      series: perInstance("nodejs_eventloop_lag_p99_seconds"),
    },
    {
      title: "Configuration",
      description: "1 if the configuration on disk is in force; reloads by result.",
      unit: "short",
      series: [
        { expr: each("revgate_config_last_reload_successful"), legend: "in force {{instance}}" },
        {
          expr: sum(each("revgate_config_reloads_total"), "result"),
          legend: "reloads {{result}}",
        },
        {
          expr: `time() - ${each("revgate_config_last_reload_success_timestamp_seconds")}`,
          legend: "seconds in force {{instance}}",
        },
      ],
    },
    {
      title: "Versions",
      description: "How many sidecars run which version.",
      unit: "short",
      series: [
        {
          expr: `count by (version, node) (${each("revgate_build_info")})`,
          legend: "{{version}}, node {{node}}",
        },
      ],
    },
  ],
};

const datasource = { type: "prometheus", uid: "${datasource}" };
const height = 7;

/** The dashboard as Grafana imports it. */
export function grafanaDashboard(): object {
  return {
    title: "revgate",
    uid: "revgate",
    tags: ["revgate"],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        datasourceVariable,
        variable("job", "label_values(revgate_build_info, job)"),
        variable("instance", 'label_values(revgate_build_info{job=~"$job"}, instance)'),
      ],
    },
    panels: layOut(),
  };
}

const datasourceVariable = {
  name: "datasource",
  label: "Data source",
  type: "datasource",
  query: "prometheus",
};

function variable(name: string, query: string): object {
  return {
    ...{ name, label: name, type: "query", datasource, query },
    ...{ refresh: 2, includeAll: true, multi: true, allValue: ".*" },
    current: { text: "All", value: "$__all" },
  };
}

/** Rows one below the other, the panels of each side by side. */
function layOut(): object[] {
  const placed: object[] = [];
  let y = 0;
  for (const [title, panels] of Object.entries(rows)) {
    placed.push({
      id: placed.length + 1,
      type: "row",
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: 24, h: 1 },
    });
    const width = Math.floor(24 / panels.length);
    for (const [index, panel] of panels.entries()) {
      const gridPos = { x: index * width, y: y + 1, w: width, h: height };
      placed.push({ id: placed.length + 1, ...drawn(panel), gridPos });
    }
    y += height + 1;
  }
  return placed;
}

function drawn({ title, description, unit, series }: Panel): object {
  return {
    ...{ type: "timeseries", title, description, datasource },
    fieldConfig: {
      defaults: { unit, min: 0, custom: { fillOpacity: 10, showPoints: "never" } },
      overrides: [],
    },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
    targets: series.map(({ expr, legend }, index) => ({
      ...{ refId: String.fromCharCode(65 + index), datasource, expr, legendFormat: legend },
    })),
  };
}
