import { X509Certificate } from "node:crypto";
import type { Server } from "node:http";
import { createAdminServer } from "../admin/admin-server.ts";
import { createAudit } from "../admin/audit.ts";
import { LatestRevocations } from "../admin/latest-revocations.ts";
import { createProbes } from "../admin/probes.ts";
import { createStatusPage } from "../admin/status-page.ts";
import { createTimeline, type Timeline } from "../admin/timeline.ts";
import type { Config } from "../config/load.ts";
import type { ControlHandler } from "../control/command-server.ts";
import { createStoreCommands } from "../control/store-commands.ts";
import { isRevocation } from "../denylist/denylist.ts";
import { LiveConnections } from "../gateway/live-connections.ts";
import type { Observer } from "../gateway/observer.ts";
import { createUpgradedConnections } from "../gateway/upgraded-connections.ts";
import type { Outcome } from "../gateway/visit.ts";
import type { LogOutput } from "../observability/log-output.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { Tracing } from "../observability/trace.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import type { Stopwatch } from "../platform/clock.ts";
import { createDrain, type Drain } from "../server/drain.ts";
import type { Http2Connections } from "../server/http2-connections.ts";
import { adjustProxyServer, createProxyServer } from "../server/proxy-server.ts";
import { CurrentAssembly } from "./assembly.ts";
import { chooseEngine, proxyOptions } from "./clients-port.ts";
import { createGatewaysPort, type GatewaysPort } from "./gateways-port.ts";
import { type InForce, tokensInForce } from "./in-force.ts";
import { type Life, readinessOf } from "./readiness.ts";
import { Reloads } from "./reloads.ts";
import type { Store } from "./store.ts";
import { openVerifier } from "./verification.ts";

/** What starting needs besides the configuration. */
export interface AppContext {
  readonly logger: Logger;
  readonly version: string;
  /** Where the log goes, if it may drop lines. */
  readonly output?: LogOutput | undefined;
  /** Where spans of requests go; undefined: nowhere. */
  readonly tracing?: Tracing | undefined;
  /** Makes revgate report only: nothing is refused. */
  readonly observer?: Observer | undefined;
  /** The two clocks of the machine; tests bring their own. */
  readonly stopwatch?: Stopwatch | undefined;
}

/** What the parts are made with. */
export interface Making extends AppContext {
  readonly metrics: AppMetrics;
  readonly onUncaught: ReportUncaught;
}

/** What starting counts with. */
export type AppMetrics = Metrics<Outcome>;

/** All that serves, and what it is stopped by. */
export interface Parts {
  readonly inForce: InForce;
  readonly store: Store;
  readonly live: LiveConnections;
  readonly timeline: Timeline;
  readonly current: CurrentAssembly;
  readonly reloads: Reloads;
  readonly drain: Drain;
  readonly commands: ControlHandler;
  readonly proxy: Server;
  /** The connections of clients that speak HTTP/2. */
  readonly http2: Pick<Http2Connections, "size" | "requests">;
  /** Undefined if no other gateway asks. */
  readonly gateways: GatewaysPort | undefined;
  readonly admin: Server;
  /** What has begun or ended; says why requests should not be sent here. */
  readonly life: Life;
}

/** Makes every part, each from those before it. Nothing is served yet, and nothing is waited for. */
export function construct(config: Config, store: Store, making: Making): Parts {
  const { logger, tracing, observer, metrics, onUncaught } = making;
  const { clock, clockHints, latestExpiry, naming } = store;
  metrics.gate.observing.set(observer === undefined ? 0 : 1);
  const verification = openVerifier(config, {
    ...{ clock, clockHints, latestExpiry, naming, logger },
    ...{ metrics: metrics.store, stopwatch: making.stopwatch },
  });
  const inForce: InForce = { config, verification };
  store.onOtherChecks(() => inForce.verification.verifier.forget());
  const timeline = createTimeline();
  const live = watchRevocations(inForce, store, { metrics, timeline });
  const upgraded = createUpgradedConnections();
  const drain = createDrain(upgraded);
  const commands = createStoreCommands({
    denylist: store.denylist,
    tokens: tokensInForce(inForce),
    clock,
    drain() {
      gateways?.begin();
      return beginDrain(drain, logger);
    },
    connectionsOf: (name) => live.countOf(name),
    onRevoked: metrics.store.countRevoked,
  });
  const current = new CurrentAssembly({
    ...{ inForce, store, commands, metrics, logger, live, upgraded, tracing, observer, onUncaught },
  });
  const engine = chooseEngine(config, logger);
  const clients = createProxyServer(() => current.gate, proxyOptions(config, engine));
  drain.watch(clients.server, clients.http2);
  const gateways = createGatewaysPort(config, () => current.decisions, { engine, ...making });
  const reloads = new Reloads({
    async adopt(asked) {
      const needRestart = await current.adopt(asked);
      adjustProxyServer(clients.server, proxyOptions(inForce.config, engine));
      gateways?.adjust(inForce.config);
      return needRestart;
    },
    metrics: metrics.config,
    logger,
  });
  const life: Life = { state: "starting" };
  const serving = { drain, proxy: clients.server, http2: clients.http2, gateways, life };
  const before = { inForce, store, live, timeline, current, reloads, commands, ...serving };
  observe(metrics, before);
  return { ...before, admin: assembleAdmin(before, making) };
}

/** The listener for the operator's side. */
function assembleAdmin(
  parts: Omit<Parts, "admin">,
  { metrics, logger, onUncaught }: Making,
): Server {
  const { inForce, store, current, reloads, timeline } = parts;
  const startedAt = store.clock.nowSeconds();
  const latest = new LatestRevocations(store.clock);
  store.denylist.onRevoked((entry, isNews) => {
    if (isNews && isRevocation(entry.kind)) latest.add(entry);
  });
  const page = createStatusPage({
    secret: () => inForce.config.files.adminToken,
    latest: () => latest.list(),
    overview: () => ({ startedAt, fleet: store.fleet(), timeline: timeline.read() }),
  });
  const probes = createProbes({
    readiness: () => readinessOf(parts),
    renderMetrics: metrics.render,
    configTrouble: () => reloads.trouble,
  });
  return createAdminServer({
    endpoints: () => [probes, ...current.endpoints, page],
    hosts: () => inForce.config.settings.admin.hosts,
    maxConnections: () => inForce.config.settings.admin.maxConnections,
    audit: createAudit(logger),
    onDistrust: (reason) => metrics.admin.refused[reason].inc(),
    onCrowded: () => metrics.admin.refused.crowded.inc(),
    onUncaught,
  });
}

/** Stops being ready, and has clients leave, while what comes anyway is still served. */
function beginDrain(drain: Drain, logger: Logger): number {
  if (!drain.begun) logger.info({ connections: drain.connections }, "draining");
  drain.begin();
  return drain.connections;
}

/** Says where the metrics come from that are read on demand. */
function observe(metrics: AppMetrics, parts: Omit<Parts, "admin">): void {
  const { inForce, store, drain, http2, live, current } = parts;
  metrics.observe({
    ready: () => readinessOf(parts).ready,
    certificateExpiry: () => firstExpiry(inForce.config.files),
    denylistEntries: () => store.denylist.size,
    journalBytes: store.journalBytes,
    redisStaleness: store.redisStaleness,
    jwksAge: () =>
      Math.max(inForce.verification.keysAgeSeconds(), current.keySets?.keysAgeSeconds() ?? 0),
    connections: () => drain.connections,
    http2Connections: () => http2.size,
    http2Streams: () => http2.requests,
    liveConnections: () => live.size,
    upstreamConnections: () => current.connections,
    upstreamQueued: () => current.queued,
    clockDifference: () => store.clock.differenceSeconds,
  });
}

/** When the first of the certificates ends that others are shown, in seconds since 1970. */
function firstExpiry({ tls, decisionsTls, upstreamCertificate }: Config["files"]): number {
  const all = [tls, decisionsTls, upstreamCertificate];
  const shown = all.map((each) => each?.cert).filter((cert) => cert !== undefined);
  const ends = shown.map((cert) => Date.parse(new X509Certificate(cert).validTo) / 1000);
  return Math.min(Number.POSITIVE_INFINITY, ...ends);
}

/** Has connections end with their tokens. */
function watchRevocations(
  inForce: Readonly<InForce>,
  { denylist, clock, watchFor }: Store,
  { metrics, timeline }: { readonly metrics: AppMetrics; readonly timeline: Timeline },
): LiveConnections {
  const live = new LiveConnections({
    clock,
    isRevoked: (token) => denylist.lookUp(token) === "revoked",
    sessionOf: (token) => denylist.knownSession(token),
    beginningOf: (session) => denylist.knownBeginning(session),
    clockToleranceSeconds: () => inForce.config.settings.tokens.clockTolerance / 1000,
    atExpiry: () => inForce.config.settings.liveConnections.atExpiry,
    onCut(reason) {
      metrics.gate.cuts[reason].inc();
      timeline.count("cuts");
    },
  });
  denylist.onRevoked((entry, isNews) => {
    live.revoke(entry);
    if (isNews && isRevocation(entry.kind)) timeline.count("revocations");
  });
  watchFor(() => live.size);
  clock.onChange(() => live.watchAnew());
  return live;
}
