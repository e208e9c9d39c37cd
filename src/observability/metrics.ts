import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { createCounter, PlainHistogram } from "./instruments.ts";
import { createTroubleGauge, type TroubleGauge } from "./redis-troubles.ts";
import { type Door, doors } from "./uncaught.ts";

/** What the way of a request counts. Labels are bound once, here: no look-up on the hot path. */
export interface GateMetrics<Outcome extends string> {
  readonly requests: Readonly<Record<Outcome, { inc(): void }>>;
  readonly checkSeconds: { observe(seconds: number): void };
  readonly upstreamSeconds: { observe(seconds: number): void };
  /** How long requests waited for a connection to the application, those that did. */
  readonly queueSeconds: { observe(seconds: number): void };
  /** Clients that were given up because they stood still, by what they had stopped doing. */
  readonly stalledClients: Readonly<Record<"reading" | "sending", { inc(): void }>>;
  readonly upgradedConnections: { inc(): void; dec(): void };
  /** Connections that ended with their token, by why. */
  readonly cuts: Readonly<Record<CutReason, { inc(): void }>>;
  /** A route named no subject where its rule says; its tokens live on. */
  readonly subjectsNotFound: { inc(): void };
  /** A token named no subject on a route that would end all tokens of its subject; it was refused. */
  readonly tokensWithoutSubject: { inc(): void };
  /** The outcome was unknown, and a subject that the request alone named kept its tokens. */
  readonly subjectsKept: { inc(): void };
  /** A revoking request was refused because too many revocations rest on requests alone. */
  readonly unprovenRefused: { inc(): void };
  /** A revoking request was lost on its way, and what it would have revoked is revoked to be safe. */
  readonly onUnknownOutcome: (entries: readonly Revoked[]) => void;
  /** A response is being held while these are revoked; what it returns is called when the hold is over. */
  readonly startHold: (entries: readonly Revoked[]) => (released: boolean) => void;
}

/** What brought a revocation about. */
export const revocationTriggers = [
  "route",
  "unknown_outcome",
  "recovery",
  "command",
  "import",
  "signal",
] as const;
/** One of the triggers. */
export type RevocationTrigger = (typeof revocationTriggers)[number];

/** What became of an identity provider's event: tokens ended, it meant none, it was not believed, or could not be carried out. */
export const signalResults = ["revoked", "ignored", "refused", "failed"] as const;
/** One of them. */
export type SignalResult = (typeof signalResults)[number];

/** Where something was found that is not believed: the denylist's own words. */
const ignoredSources = ["journal", "feed", "entry", "epoch", "lifetimes"] as const;

/** A revocation, as far as it is counted. */
export interface Revoked {
  readonly kind: string;
}

/** Why a live connection is cut. */
export const cutReasons = ["token_revoked", "token_expired"] as const;
/** One of the reasons. */
export type CutReason = (typeof cutReasons)[number];

/** Everything else that is counted. */
export interface StoreMetrics {
  readonly countRevoked: (trigger: RevocationTrigger, entries: readonly Revoked[]) => void;
  readonly journalSyncSeconds: { observe(seconds: number): void };
  readonly journalFailing: { set(value: number): void };
  readonly journalLosses: { inc(): void };
  readonly clockTrusted: { set(value: number): void };
  readonly clockSteps: { inc(): void };
  readonly outboxPending: { set(value: number): void };
  readonly redisUp: { set(value: number): void };
  readonly redisEpochs: { inc(): void };
  /** What Redis or the journal handed over and no revgate can have written, by where it was. */
  readonly ignored: Readonly<Record<(typeof ignoredSources)[number], { inc(): void }>>;
  readonly redisTrouble: TroubleGauge;
  readonly cacheLookups: Readonly<Record<"hit" | "miss", { inc(): void }>>;
  readonly signatureChecks: { inc(): void };
  readonly jwksFetches: Readonly<Record<"ok" | "failed", { inc(): void }>>;
  readonly signals: Readonly<Record<SignalResult, { inc(): void }>>;
}

/** What is counted of configurations. */
export interface ConfigMetrics {
  /** Attempts to take on a changed configuration, by their result. */
  readonly reloads: Readonly<Record<"ok" | "failed", { inc(): void }>>;
  readonly lastReloadSuccessful: { set(value: number): void };
  readonly lastReloadSuccess: { setToCurrentTime(): void };
}

/** Why the admin port refused a request or closed a connection, as far as it is counted. */
export const adminRefusals = ["host", "secret", "event", "too_many", "crowded"] as const;

/** What is counted of the admin port. */
export interface AdminMetrics {
  readonly refused: Readonly<Record<(typeof adminRefusals)[number], { inc(): void }>>;
}

/** What is read when Prometheus asks. */
export interface MetricSources {
  denylistEntries(): number;
  journalBytes(): number;
  connections(): number;
  liveConnections(): number;
  clockDifference(): number;
  redisStaleness(): number;
  jwksAge(): number;
  upstreamConnections(): number;
  upstreamQueued(): number;
}

/** All metrics, by who counts them. */
export interface Metrics<Outcome extends string> {
  readonly gate: GateMetrics<Outcome>;
  readonly store: StoreMetrics;
  readonly config: ConfigMetrics;
  readonly admin: AdminMetrics;
  /** Errors that only the last line of defence caught, by the door that they came in by. */
  readonly uncaught: Readonly<Record<Door, { inc(): void }>>;
  /** Lines of the log that could not be written. */
  readonly logLinesDropped: { inc(lines: number): void };
  /** Says where the values come from that are read on demand. */
  observe(sources: MetricSources): void;
  /** The text of the exposition format, and its content type. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** From 10 µs: the checks take microseconds when the token is known. */
const checkBuckets = [
  1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.25, 1,
];
const upstreamBuckets = [
  5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const syncBuckets = [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1, 5];

/** The closed lists of other rooms that are labels here. */
export interface MetricLabels<Outcome extends string> {
  /** How a request may end. */
  readonly outcomes: readonly Outcome[];
  /** What a revocation may name. */
  readonly kinds: readonly string[];
}

/** Makes all metrics, in a registry of their own; every series exists from the start, at zero. */
export function createMetrics<Outcome extends string>(
  { outcomes, kinds }: MetricLabels<Outcome>,
  version: string,
): Metrics<Outcome> {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, buckets, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });

  const buildInfo = new Gauge({
    name: "revgate_build_info",
    help: "Always 1; the labels say what runs.",
    labelNames: ["version", "node"],
    registers,
  });
  buildInfo.set({ version, node: process.version }, 1);
  const countRevoked = createRevocations(registry, kinds);

  return {
    gate: createGateMetrics(registry, outcomes, { histogram, gauge, countRevoked }),
    store: createStoreMetrics(registry, { histogram, gauge, countRevoked }),
    config: createConfigMetrics(registry, gauge),
    admin: createAdminMetrics(registry),
    uncaught: createCounter(
      {
        name: "revgate_uncaught_errors_total",
        help: "Errors that only the last line of defence caught, by where they came in: clients, admin, control (the control socket), process (anything else). Always a defect of revgate; alert on every increase.",
        registry,
      },
      "door",
      doors,
    ),
    logLinesDropped: new Counter({
      name: "revgate_log_lines_dropped_total",
      help: "Lines of the log that could not be written (a full disk, a pipe that nobody reads), and were dropped.",
      registers,
    }),
    observe: (sources) => observeSources(registry, sources),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function createRevocations(
  registry: Registry,
  kinds: readonly string[],
): StoreMetrics["countRevoked"] {
  const counter = new Counter({
    name: "revgate_revocations_total",
    help: "Revocations, by what they name (kind; tok: one token) and by what caused them (trigger): route, unknown_outcome (the outcome of a revoking request is unknown), recovery (one that was under way at a crash), command, import, signal (an identity provider's event).",
    labelNames: ["trigger", "kind"],
    registers: [registry],
  });
  const children = Object.fromEntries(
    revocationTriggers.map((trigger) => [
      trigger,
      bindChildren(kinds, (kind) => counter.labels(trigger, kind)),
    ]),
  );
  return (trigger, entries) => {
    for (const { kind } of entries) children[trigger]?.[kind]?.inc();
  };
}

interface Makers {
  readonly histogram: (name: string, help: string, buckets: number[]) => Histogram;
  readonly gauge: (name: string, help: string) => Gauge;
  readonly countRevoked: StoreMetrics["countRevoked"];
}

function createGateMetrics<Outcome extends string>(
  registry: Registry,
  outcomes: readonly Outcome[],
  makers: Makers,
): GateMetrics<Outcome> {
  const { gauge, countRevoked } = makers;
  return {
    requests: createCounter(
      {
        name: "revgate_requests_total",
        help: "Requests, by how they ended: forwarded, an error of docs/errors.md, preflight_answered, client_gone (before the end of the response), client_stalled (it took nothing of its response for limits.sendTimeout), broken_off (by the application, in its body), cut (its token was revoked or expired while it was being sent).",
        registry,
      },
      "outcome",
      outcomes,
    ),
    checkSeconds: new PlainHistogram(
      {
        name: "revgate_check_duration_seconds",
        help: "From a request's head to the decision about it.",
        registry,
      },
      checkBuckets,
    ),
    upstreamSeconds: new PlainHistogram(
      {
        name: "revgate_upstream_duration_seconds",
        help: "From a forwarded request to the head of the application's response.",
        registry,
      },
      upstreamBuckets,
    ),
    ...createWaits(registry),
    onUnknownOutcome: (entries) => countRevoked("unknown_outcome", entries),
    cuts: createCounter(
      {
        name: "revgate_connections_cut_total",
        help: "WebSocket connections and streaming responses that were ended with their token, by reason.",
        registry,
      },
      "reason",
      cutReasons,
    ),
    ...createSubjectCounters(registry),
    upgradedConnections: gauge("revgate_upgraded_connections", "WebSocket connections open."),
    startHold: createHolds(registry, makers),
  };
}

/** What was not revoked, or not believed, for want of a subject or of a proof. */
function createSubjectCounters(
  registry: Registry,
): Pick<
  GateMetrics<string>,
  "subjectsNotFound" | "tokensWithoutSubject" | "subjectsKept" | "unprovenRefused"
> {
  return {
    subjectsNotFound: new Counter({
      name: "revgate_subjects_not_found_total",
      help: "Successful answers on routes with subjectFrom in which, or in whose request, no subject was found: nothing was revoked. Alert on every increase.",
      registers: [registry],
    }),
    tokensWithoutSubject: new Counter({
      name: "revgate_tokens_without_subject_total",
      help: "Requests to routes with revoke: subject that were refused because their token names no subject.",
      registers: [registry],
    }),
    subjectsKept: new Counter({
      name: "revgate_subjects_kept_total",
      help: "Unknown outcomes on routes whose request alone names the subject: its tokens were kept.",
      registers: [registry],
    }),
    unprovenRefused: new Counter({
      name: "revgate_unproven_revocations_refused_total",
      help: "Revoking requests refused with 503 because of limits.unprovenRevocations.",
      registers: [registry],
    }),
  };
}

/** What is counted of those who wait, or let wait. */
function createWaits(
  registry: Registry,
): Pick<GateMetrics<string>, "queueSeconds" | "stalledClients"> {
  return {
    queueSeconds: new PlainHistogram(
      {
        name: "revgate_upstream_queue_duration_seconds",
        help: "How long requests waited for a connection to the application; those for which one was idle are not counted.",
        registry,
      },
      upstreamBuckets,
    ),
    stalledClients: createCounter(
      {
        name: "revgate_stalled_clients_total",
        help: "Clients that were given up because they took nothing (limits.sendTimeout), or sent nothing of a body (limits.receiveTimeout).",
        registry,
      },
      "stopped",
      ["reading", "sending"],
    ),
  };
}

function createHolds(
  registry: Registry,
  { histogram, gauge, countRevoked }: Makers,
): GateMetrics<string>["startHold"] {
  const holdSeconds = histogram(
    "revgate_hold_duration_seconds",
    "How long the application's answer was held until the revocation was in force.",
    syncBuckets,
  );
  const holds = gauge("revgate_holds", "Answers that are being held.");
  const withheld = new Counter({
    name: "revgate_holds_withheld_total",
    help: "Answers that were not released because the revocation could not be made to hold: the client got revocation_pending.",
    registers: [registry],
  });
  return (entries) => {
    const stop = holdSeconds.startTimer();
    holds.inc();
    countRevoked("route", entries);
    return (released) => {
      stop();
      holds.dec();
      if (!released) withheld.inc();
    };
  };
}

function createStoreMetrics(
  registry: Registry,
  { histogram, gauge, countRevoked }: Makers,
): StoreMetrics {
  return {
    countRevoked,
    ...createLocalMetrics(registry, { histogram, gauge }),
    outboxPending: gauge(
      "revgate_outbox_pending",
      "Revocations recorded here that Redis has not acknowledged.",
    ),
    redisUp: gauge(
      "revgate_redis_up",
      "1 if the connection to Redis is usable; 0 also without Redis.",
    ),
    redisTrouble: createTroubleGauge(registry),
    redisEpochs: createEpochs(registry),
    ignored: createIgnored(registry),
    ...createTokenMetrics(registry),
  };
}

/** What is counted of tokens, their keys and their issuers. */
function createTokenMetrics(
  registry: Registry,
): Pick<StoreMetrics, "jwksFetches" | "signals" | "signatureChecks" | "cacheLookups"> {
  return {
    jwksFetches: createCounter(
      {
        name: "revgate_jwks_fetches_total",
        help: "Fetches of issuers' key sets, by result.",
        registry,
      },
      "result",
      ["ok", "failed"],
    ),
    signals: createCounter(
      {
        name: "revgate_signals_total",
        help: "Logout tokens and security events of identity providers, by result: revoked (tokens ended), ignored (it concerned none known here, or came before), refused, failed (the store could not take it; the provider is to try again).",
        registry,
      },
      "result",
      signalResults,
    ),
    signatureChecks: new Counter({
      name: "revgate_signature_checks_total",
      help: "Signatures checked: for each token that is new here, valid or forged, one for each key that may have made it. Many more than logins is a flood of forged tokens.",
      registers: [registry],
    }),
    cacheLookups: createCounter(
      {
        name: "revgate_verification_cache_lookups_total",
        help: "Look-ups of verified tokens, by result: hit or miss. A miss costs a signature check.",
        registry,
      },
      "result",
      ["hit", "miss"],
    ),
  };
}

function createEpochs(registry: Registry): StoreMetrics["redisEpochs"] {
  return new Counter({
    name: "revgate_redis_epochs_total",
    help: "Epochs of the store in Redis that were seen: the first, and one for each loss of data or change of server.",
    registers: [registry],
  });
}

/** What is counted of this machine's disk and clocks. */
function createLocalMetrics(
  registry: Registry,
  { histogram, gauge }: Pick<Makers, "histogram" | "gauge">,
): Pick<
  StoreMetrics,
  "journalSyncSeconds" | "journalFailing" | "journalLosses" | "clockTrusted" | "clockSteps"
> {
  const counter = (name: string, help: string) =>
    new Counter({ name, help, registers: [registry] });
  return {
    journalSyncSeconds: histogram(
      "revgate_journal_sync_duration_seconds",
      "Writing and syncing one group of journal records.",
      syncBuckets,
    ),
    journalFailing: gauge("revgate_journal_failing", "1 if the journal cannot be written."),
    journalLosses: counter(
      "revgate_journal_losses_total",
      "Times that the journal's file was removed or changed under the process, and was made again.",
    ),
    clockTrusted: gauge(
      "revgate_clock_trusted",
      "1 if the clocks agree; 0 while the time is in doubt: then /readyz is 503 and says why, no cut-off is made, and tokens that have expired by one clock alone get 503.",
    ),
    clockSteps: counter(
      "revgate_clock_steps_total",
      "Jumps of the wall clock by more than the tolerance, in either direction; a suspended machine counts as one.",
    ),
  };
}

function createIgnored(registry: Registry): StoreMetrics["ignored"] {
  const help =
    "What no revgate can have written, and what is therefore ignored: lines of the journal, lines of the feed, values of an entry, an epoch or lifetimes in Redis. Another program writes there.";
  return createCounter({ name: "revgate_ignored_total", help, registry }, "source", ignoredSources);
}

function createConfigMetrics(registry: Registry, gauge: Makers["gauge"]): ConfigMetrics {
  const lastReloadSuccessful = gauge(
    "revgate_config_last_reload_successful",
    "1 if the configuration on disk is in force, 0 if it was rejected.",
  );
  const lastReloadSuccess = gauge(
    "revgate_config_last_reload_success_timestamp_seconds",
    "When the configuration in force was adopted.",
  );
  lastReloadSuccessful.set(1);
  lastReloadSuccess.setToCurrentTime();
  const help = "Changed configurations, by result: adopted (ok) or rejected (failed).";
  const reloads = { name: "revgate_config_reloads_total", help, registry };
  return {
    reloads: createCounter(reloads, "result", ["ok", "failed"]),
    lastReloadSuccessful,
    lastReloadSuccess,
  };
}

function createAdminMetrics(registry: Registry): AdminMetrics {
  const help =
    "Requests to the admin port that were refused for a foreign Host, a wrong secret or an event that is not believed; those beyond what one peer may send of them (too_many); and connections closed to make room (crowded).";
  return {
    refused: createCounter(
      { name: "revgate_admin_refused_total", help, registry },
      "reason",
      adminRefusals,
    ),
  };
}

type ReadGauge = (name: string, help: string, value: () => number) => unknown;

/** Makes gauges whose value is read when Prometheus asks. */
function createReadGauge(registry: Registry): ReadGauge {
  return (name, help, value) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
}

function observeClock(read: ReadGauge, sources: MetricSources): void {
  read(
    "revgate_clock_difference_seconds",
    "By how much the clocks differ: the wall clock, the monotonic clock, and Redis's if it answers.",
    sources.clockDifference,
  );
}

function observeSources(registry: Registry, sources: MetricSources): void {
  const read = createReadGauge(registry);
  observeClock(read, sources);
  read("revgate_denylist_entries", "Revocations held in memory.", sources.denylistEntries);
  read("revgate_journal_size_bytes", "Size of the journal.", sources.journalBytes);
  read(
    "revgate_redis_staleness_seconds",
    "Age of the proof that memory holds all that Redis does. Below staleness, no request waits for Redis. +Inf before the first proof, 0 without Redis.",
    sources.redisStaleness,
  );
  read(
    "revgate_jwks_age_seconds",
    "Seconds since the oldest published key set in use was fetched, or since the start if it never was; 0 without any. Beyond tokens.jwks.maxAge its keys are dropped, and its issuer's tokens, or its transmitter's events, get 503.",
    sources.jwksAge,
  );
  read(
    "revgate_connections",
    "Connections of clients, upgraded ones included.",
    sources.connections,
  );
  read(
    "revgate_upstream_connections",
    "Connections to the application, those that carry WebSockets not counted.",
    sources.upstreamConnections,
  );
  read(
    "revgate_upstream_queue",
    "Requests that wait for a connection to the application.",
    sources.upstreamQueued,
  );
  read(
    "revgate_live_connections",
    "WebSocket connections and streaming responses that end with their token.",
    sources.liveConnections,
  );
}

/** Binds a counter's children once, and has each series exist from the start. */
function bindChildren<Value extends string>(
  values: readonly Value[],
  bind: (value: Value) => Counter.Internal,
): Record<Value, Counter.Internal> {
  const children = values.map((value) => {
    const child = bind(value);
    child.inc(0);
    return [value, child] as const;
  });
  return Object.fromEntries(children) as Record<Value, Counter.Internal>;
}
