import { type Door, doors } from "../uncaught.ts";
import type { Makers } from "./makers.ts";

/** What is counted of configurations. */
export interface ConfigMetrics {
  /** Attempts to apply a changed configuration, by their result. */
  readonly reloads: Readonly<Record<"ok" | "failed", { inc(): void }>>;
  readonly lastReloadSuccessful: { set(value: number): void };
  readonly lastReloadSuccess: { setToCurrentTime(): void };
}

/** Makes what is counted of configurations; the one of the start is in force. */
export function createConfigMetrics(make: Makers): ConfigMetrics {
  const lastReloadSuccessful = make.gauge(
    "revgate_config_last_reload_successful",
    "1 if the configuration on disk is in force, 0 if it was rejected.",
  );
  const lastReloadSuccess = make.gauge(
    "revgate_config_last_reload_success_timestamp_seconds",
    "When the configuration in force was loaded.",
  );
  lastReloadSuccessful.set(1);
  lastReloadSuccess.setToCurrentTime();
  const help = "Reloads of the configuration, by result: loaded (ok) or rejected (failed).";
  const reloads = { name: "revgate_config_reloads_total", help };
  return {
    reloads: make.counters(reloads, "result", ["ok", "failed"]),
    lastReloadSuccessful,
    lastReloadSuccess,
  };
}

/** Why the admin port refused a request or closed a connection, as far as it is counted. */
export const adminRefusals = ["host", "secret", "event", "keys", "too_many", "crowded"] as const;

/** What is counted of the admin port. */
export interface AdminMetrics {
  readonly refused: Readonly<Record<(typeof adminRefusals)[number], { inc(): void }>>;
}

/** Makes what is counted of the admin port. */
export function createAdminMetrics(make: Makers): AdminMetrics {
  const help =
    "Requests to the admin port that were refused, by reason: a foreign Host, a wrong secret, an event that failed verification (event), an event whose issuer's keys cannot be fetched (keys), more of these than one peer may send (too_many), and connections or bodies dropped to make room for others (crowded).";
  return {
    refused: make.counters({ name: "revgate_admin_refused_total", help }, "reason", adminRefusals),
  };
}

/** Why a gateway's question was not answered. */
export const questionRefusals = ["gateway", "question"] as const;

/** What is counted of the gateways' port, besides requests. */
export interface DecisionMetrics {
  readonly refused: Readonly<Record<(typeof questionRefusals)[number], { inc(): void }>>;
}

/** Makes what is counted of the gateways' port. */
export function createDecisionMetrics(make: Makers): DecisionMetrics {
  const help =
    "Questions of other gateways that were not answered, by reason: the peer is not in decisions.gateways (gateway), or the question did not say which request it asks about (question).";
  const name = "revgate_decisions_refused_total";
  return { refused: make.counters({ name, help }, "reason", questionRefusals) };
}

/** Errors that only the last line of defence caught, by the door that they came in by. */
export type UncaughtCounters = Readonly<Record<Door, { inc(): void }>>;

/** Makes the counters of the last line of defence. */
export function createUncaughtCounters(make: Makers): UncaughtCounters {
  const help =
    "Unexpected errors, by where they occurred: clients, decisions, admin, control (the control socket), process (anything else). Always a bug in revgate; alert on every increase.";
  return make.counters({ name: "revgate_uncaught_errors_total", help }, "door", doors);
}
