import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { createDenylistMetrics, type DenylistMetrics } from "./metrics/denylist.ts";
import { createMakers } from "./metrics/makers.ts";
import {
  type AdminMetrics,
  type ConfigMetrics,
  createAdminMetrics,
  createConfigMetrics,
  createDecisionMetrics,
  createUncaughtCounters,
  type DecisionMetrics,
  type UncaughtCounters,
} from "./metrics/operation.ts";
import { createGateMetrics, type GateMetrics } from "./metrics/requests.ts";
import { type CountRevoked, createRevocations } from "./metrics/revocations.ts";
import { type MetricSources, observeSources } from "./metrics/sources.ts";
import { createTokenMetrics, type TokenMetrics } from "./metrics/tokens.ts";

/** What is counted beside the way of a request. */
export interface StoreMetrics extends DenylistMetrics, TokenMetrics {
  readonly countRevoked: CountRevoked;
}

/** All metrics, by who counts them. */
export interface Metrics<Outcome extends string> {
  readonly gate: GateMetrics<Outcome>;
  readonly store: StoreMetrics;
  readonly config: ConfigMetrics;
  readonly admin: AdminMetrics;
  readonly decisions: DecisionMetrics;
  readonly uncaught: UncaughtCounters;
  /** Lines of the log that could not be written. */
  readonly logLinesDropped: { inc(lines: number): void };
  /** Says where the values come from that are read on demand. */
  observe(sources: MetricSources): void;
  /** The text of the exposition format, and its content type. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** The closed lists of other rooms that are labels here. */
export interface MetricLabels<Outcome extends string> {
  /** How a request may end. */
  readonly outcomes: readonly Outcome[];
  /** What a revocation may name. */
  readonly kinds: readonly string[];
}

/** How often the lag of the event loop is measured, in milliseconds: what is measured is never shorter. */
const lagEveryMs = 50;

/** Makes all metrics, in a registry of their own; every series exists from the start, at zero. */
export function createMetrics<Outcome extends string>(
  { outcomes, kinds }: MetricLabels<Outcome>,
  version: string,
): Metrics<Outcome> {
  const registry = new Registry();
  // Its timer is most of what wakes a process that has nothing to do; lags that matter are longer.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: lagEveryMs });
  const make = createMakers(registry);
  stateBuild(registry, version);
  const countRevoked = createRevocations(registry, kinds);

  return {
    gate: createGateMetrics(make, outcomes, countRevoked),
    store: { countRevoked, ...createDenylistMetrics(registry, make), ...createTokenMetrics(make) },
    config: createConfigMetrics(make),
    admin: createAdminMetrics(make),
    decisions: createDecisionMetrics(make),
    uncaught: createUncaughtCounters(make),
    logLinesDropped: make.counter(
      "revgate_log_lines_dropped_total",
      "Log lines that were dropped because they could not be written: the disk is full, or no one reads the pipe.",
    ),
    observe: (sources) => observeSources(make, sources),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function stateBuild(registry: Registry, version: string): void {
  const buildInfo = new Gauge({
    name: "revgate_build_info",
    help: "Always 1; the labels name the versions that run.",
    labelNames: ["version", "node"],
    registers: [registry],
  });
  buildInfo.set({ version, node: process.version }, 1);
}
