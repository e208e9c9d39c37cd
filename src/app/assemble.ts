import { createAdminApi } from "../admin/api.ts";
import type { Endpoints } from "../admin/endpoint.ts";
import { openApiEndpoints } from "../admin/openapi.ts";
import type { Config } from "../config/load.ts";
import {
  credentialSources,
  guardedHeaders,
  lifetimesOf,
  routeRules,
  targetOptions,
} from "../config/routes.ts";
import type { Settings } from "../config/schema.ts";
import { isGrpcForm } from "../config/settings/decisions.ts";
import type { ControlHandler } from "../control/command-server.ts";
import type { GrpcGate } from "../decisions/grpc/grpc-service.ts";
import { type MessageLimits, maxBytesOfMessages } from "../gateway/begun-messages.ts";
import { createBodyPlaces } from "../gateway/body-places.ts";
import { createBodyTurns } from "../gateway/body-turns.ts";
import { createCheckTurns } from "../gateway/check-turns.ts";
import type { Gate } from "../gateway/gate.ts";
import type { LiveConnections } from "../gateway/live-connections.ts";
import type { Observer } from "../gateway/observer.ts";
import { createPeerReader, createToldPeerReader } from "../gateway/peer.ts";
import { neverCut, reportOnly, withoutHolding } from "../gateway/report-only.ts";
import { createResponder } from "../gateway/respond.ts";
import { compileRoutes } from "../gateway/route-table.ts";
import { createUnprovenBudget } from "../gateway/unproven.ts";
import type { UpgradedConnections } from "../gateway/upgraded-connections.ts";
import type { outcomes } from "../gateway/visit.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import { createRequestLog } from "../observability/request-log.ts";
import type { Tracing } from "../observability/trace.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import { createBoundedWait } from "../platform/bounded-wait.ts";
import { createByteBudget } from "../platform/byte-budget.ts";
import { isSameData } from "../platform/same-data.ts";
import { type ApplicationOptions, connectApplication } from "../upstream/application.ts";
import type { ApplicationPools } from "../upstream/application-pool.ts";
import { hostOf } from "../upstream/dial.ts";
import { createUpgradeForwarder, type UpgradeForwarder } from "../upstream/forward-upgrade.ts";
import type { InForce } from "./in-force.ts";
import { type OpenSignals, openSignals } from "./signals.ts";
import type { Store } from "./store.ts";

/** How many requests may wait for keys at once; each keeps its head for as long. */
const maxWaitingForKeys = 1024;

/** What stays while configurations come and go. */
export interface Foundation {
  /** The first configuration, and what it made; each reload replaces both. */
  readonly inForce: InForce;
  readonly store: Pick<
    Store,
    "denylist" | "clock" | "clockHints" | "latestExpiry" | "naming" | "check" | "configure"
  >;
  /** Answers the commands of the admin API. */
  readonly commands: ControlHandler;
  readonly metrics: Metrics<(typeof outcomes)[number]>;
  readonly logger: Logger;
  readonly live: LiveConnections;
  readonly upgraded: UpgradedConnections;
  readonly tracing: Tracing | undefined;
  /** Lets everything pass, and sees what would be refused; undefined: nothing is passed on that is refused. */
  readonly observer: Observer | undefined;
  readonly onUncaught: ReportUncaught;
}

/** What a configuration makes of revgate; a reload puts another in its place. */
export interface Assembly {
  readonly gate: Gate;
  /** Undefined if no other gateway asks. */
  readonly decisions: GrpcGate | undefined;
  readonly application: Application;
  readonly signals: OpenSignals | undefined;
  readonly endpoints: readonly Endpoints[];
}

/** An assembly, and what it was made of. */
export type Former = Assembly & Readonly<InForce>;

/** The ways to the application. */
interface Application {
  readonly options: ApplicationOptions;
  readonly pool: ApplicationPools;
  readonly forwardUpgrade: UpgradeForwarder;
}

/**
 * Puts together what a configuration decides. What `before` has and is the same under this one goes on:
 * connections to the application, keys of identity providers.
 */
export function assemble(
  made: Readonly<InForce>,
  foundation: Foundation,
  before?: Former,
): Assembly {
  const { config, verification } = made;
  const application = reachApplication(
    applicationOptions(config),
    foundation.metrics,
    before?.application,
  );
  const signals =
    before !== undefined && isSameForSignals(made, before)
      ? before.signals
      : openSignals(config, { ...foundation, verification });
  const gate = assembleGate(made, foundation, application);
  return {
    ...{ application, signals, gate },
    decisions: assembleDecisions(config, gate),
    endpoints: adminEndpoints(config, foundation, signals),
  };
}

/** Lets go of what another assembly has taken the place of; connections that are idle close by themselves. */
export async function retire({ verification, signals }: Former, next: Former): Promise<void> {
  if (signals !== next.signals) signals?.close();
  if (verification === next.verification) return;
  // A request may still wait for a key that is being fetched.
  await verification.settled();
  verification.close();
}

function assembleGate(
  { config, verification }: Readonly<InForce>,
  { store, live, upgraded, metrics, logger, tracing, observer, onUncaught }: Foundation,
  application: Application,
): Gate {
  const { settings } = config;
  const { cors } = settings;
  const { tls } = settings.listen;
  const log = createRequestLog(logger, settings.log);
  return {
    target: targetOptions(settings),
    routes: compileRoutes(routeRules(settings)),
    sources: credentialSources(settings),
    ...guardedHeaders(settings),
    applicationHost: hostOf(settings.upstream.url),
    addsForwarded: settings.upstream.addForwarded,
    addsVia: settings.upstream.addVia,
    verifier: verification.verifier,
    whyInvalid: verification.whyInvalid,
    tokenBytes: settings.limits.tokenBytes,
    waitForKeys: createBoundedWait(maxWaitingForKeys),
    checkTurns: createCheckTurns(settings.limits.signatureCheckShare / 100, metrics.gate),
    ...boundsOf(settings.limits),
    ...{ clock: store.clock, clockHints: store.clockHints },
    lifetimes: lifetimesOf(settings),
    denylist: observer ? withoutHolding(store.denylist) : store.denylist,
    ...budgetsOf(settings.limits, observer !== undefined),
    live: observer ? neverCut : live,
    observe: observer && reportOnly(observer, { ...verification, metrics: metrics.gate, log }),
    onOutcome: observer?.saw,
    onUnknownOutcome: settings.denylist.onUnknownOutcome,
    holdTimeoutMs: settings.denylist.holdTimeout,
    cors: { ...cors, maxAgeSeconds: cors.maxAge / 1000 },
    responder: createResponder(settings.errors),
    application: application.pool,
    forwardUpgrade: application.forwardUpgrade,
    upgraded,
    clientCertificates: tls?.clientCaFile === undefined ? undefined : tls.clientCertificates,
    readPeer: createPeerReader(settings.listen.trustedProxies),
    keepsTimes: tracing !== undefined,
    metrics: metrics.gate,
    log,
    tracing,
    onUncaught,
  };
}

/** What may be kept of bodies and messages that are not whole. */
function boundsOf({
  bodyBytes,
  receiveTimeout,
}: Settings["limits"]): Pick<Gate, "bodyBytes" | "takeBodyPlace" | "bodyTurns"> & MessageLimits {
  return {
    bodyBytes,
    takeBodyPlace: createBodyPlaces(bodyBytes),
    bodyTurns: createBodyTurns(),
    keepMessageBytes: createByteBudget(maxBytesOfMessages),
    receiveTimeoutMs: receiveTimeout,
  };
}

/** How much may rest on requests alone; if nothing is refused, no more than that is told either. */
function budgetsOf(
  { unprovenRevocations, unprovenLinks }: Settings["limits"],
  observes: boolean,
): Pick<Gate, "unproven" | "unprovenLinks"> {
  return {
    unproven: createUnprovenBudget(observes ? Infinity : unprovenRevocations),
    unprovenLinks: createUnprovenBudget(unprovenLinks),
  };
}

/** What questions of other gateways are answered by: as requests are, except for who is trusted to name the client. */
function assembleDecisions({ settings }: Config, gate: Gate): GrpcGate | undefined {
  const { decisions, listen, limits } = settings;
  if (decisions === undefined) return undefined;
  const { gateways, question } = decisions;
  const { trustedProxies } = listen;
  const readAsker = createPeerReader(gateways);
  return {
    ...gate,
    // Over gRPC, messages say it.
    question: isGrpcForm(question) ? "same" : question,
    headerBytes: limits.headerBytes,
    readPeer: createPeerReader([...gateways, ...trustedProxies]),
    readClient: createToldPeerReader(trustedProxies),
    readGateway: createToldPeerReader([...gateways, ...trustedProxies]),
    mayAsk: (socket) => readAsker(socket).trusted,
  };
}

/** The API, and what identity providers send their events to, where that is configured. */
function adminEndpoints(
  { files, settings }: Config,
  { commands }: Foundation,
  signals: OpenSignals | undefined,
): Endpoints[] {
  const { adminToken: secret } = files;
  const { requestsPerSecond } = settings.admin;
  const api = secret && createAdminApi({ commands, secret, requestsPerSecond });
  const all = [...(api ? [api] : []), ...(signals ? [signals.endpoints] : [])];
  return all.length > 0 ? [...all, openApiEndpoints] : [];
}

function isSameForSignals(one: Readonly<InForce>, other: Readonly<InForce>): boolean {
  const basis = ({ config: { settings } }: Readonly<InForce>) => ({
    signals: settings.signals,
    tokens: settings.tokens,
  });
  return one.verification === other.verification && isSameData(basis(one), basis(other));
}

function reachApplication(
  options: ApplicationOptions,
  { gate: { queueSeconds } }: Foundation["metrics"],
  before?: Application,
): Application {
  if (before !== undefined && isSameData(options, before.options)) return before;
  return {
    options,
    pool: connectApplication(options, (seconds) => queueSeconds.observe(seconds)),
    forwardUpgrade: createUpgradeForwarder(options),
  };
}

function applicationOptions({ settings, files }: Config): ApplicationOptions {
  const { upstream } = settings;
  return {
    url: upstream.url,
    protocol: upstream.protocol,
    ca: files.upstreamCa,
    serverName: upstream.serverName,
    clientCertificate: files.upstreamCertificate,
    addsVia: upstream.addVia,
    connectTimeoutMs: upstream.connectTimeout,
    responseTimeoutMs: upstream.responseTimeout,
    idleTimeoutMs: upstream.idleTimeout,
    maxQueued: upstream.maxQueued,
    queueTimeoutMs: upstream.queueTimeout,
    maxConnections: upstream.maxConnections,
    headerBytes: settings.limits.headerBytes,
  };
}
