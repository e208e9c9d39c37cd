import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Config } from "./config/load.ts";
import { credentialSources, guardedHeaders, lifetimesOf, routeRules } from "./config/routes.ts";
import type { DenylistHealth } from "./denylist/denylist.ts";
import { UsageError } from "./errors.ts";
import type { Gate } from "./gateway/gate.ts";
import { LiveConnections } from "./gateway/live-connections.ts";
import { createPeerReader } from "./gateway/peer.ts";
import { createResponder } from "./gateway/respond.ts";
import { compileRoutes } from "./gateway/route.ts";
import { outcomes } from "./gateway/visit.ts";
import type { Logger } from "./observability/logger.ts";
import { createMetrics, type Metrics } from "./observability/metrics.ts";
import { createRequestLog } from "./observability/request-log.ts";
import { openSignals } from "./open-signals.ts";
import { openStore, type Store } from "./open-store.ts";
import { systemClock } from "./platform/clock.ts";
import { createAdminApi } from "./server/admin-api.ts";
import type { AdminHandler, Audit } from "./server/admin-http.ts";
import { createAdminServer } from "./server/admin-server.ts";
import { watchForDrain } from "./server/drain.ts";
import { createProxyServer } from "./server/proxy-server.ts";
import { type ApplicationOptions, connectApplication } from "./upstream/application.ts";
import type { ConnectionPool } from "./upstream/connection-pool.ts";
import { createUpgradeForwarder } from "./upstream/forward-upgrade.ts";

/** A revgate that serves. */
export interface RunningApp {
  readonly address: AddressInfo;
  readonly adminAddress: AddressInfo;
  /** Not ready → no new connections → what is under way finishes → the store closes. */
  stop(): Promise<void>;
}

/** What starting needs besides the configuration. */
export interface AppContext {
  readonly logger: Logger;
  readonly version: string;
}

/**
 * Puts revgate together and starts it: store, then the admin listener, then the one for clients.
 *
 * Rejects with a RevgateError where the data directory or an address can't be had; nothing is left
 * running then. Neither the application nor Redis is waited for.
 */
export async function startApp(config: Config, context: AppContext): Promise<RunningApp> {
  const { settings } = config;
  const { logger } = context;
  const metrics = createMetrics(outcomes, context.version);
  const store = await openStore(config, { metrics: metrics.store, logger });
  const application = connectApplication(applicationOptions(config));
  const live = watchRevocations(config, store, metrics);
  const gate = assembleGate(config, { store, metrics, logger, application, live });

  const proxy = createProxyServer(gate, {
    tls: config.files.tls,
    headerBytes: settings.limits.headerBytes,
    headersTimeoutMs: settings.limits.headersTimeout,
    requestTimeoutMs: settings.limits.requestTimeout,
    idleTimeoutMs: settings.limits.idleTimeout,
    maxConnections: settings.limits.maxConnections,
  });
  const drain = watchForDrain(proxy);
  let stopping = false;
  const admin = assembleAdmin(config, { store, metrics, logger }, () =>
    stopping ? { ready: false, reason: "shutting down" } : readinessOf(store),
  );
  metrics.observe({
    denylistEntries: () => store.denylist.size,
    journalBytes: store.journalBytes,
    redisStaleness: store.redisStaleness,
    connections: () => drain.connections,
    liveConnections: () => live.size,
  });

  async function stop(): Promise<void> {
    stopping = true;
    const deadlineMs = performance.now() + settings.limits.drainTimeout;
    await drain.run(settings.limits.drainTimeout);
    // A logout whose client has left is still on its way; it gets what is left of the time.
    await closeWithin(application, deadlineMs - performance.now());
    live.close();
    await store.close();
    admin.close();
    await closeAll(admin.server);
  }

  try {
    const adminAddress = await listen(admin.server, settings.admin);
    const address = await listen(proxy, settings.listen);
    return { address, adminAddress, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function assembleGate(
  config: Config,
  parts: {
    store: Store;
    metrics: Metrics<(typeof outcomes)[number]>;
    logger: Logger;
    application: ConnectionPool;
    live: LiveConnections;
  },
): Gate {
  const { settings } = config;
  const { cors } = settings;
  return {
    target: settings.target,
    routes: compileRoutes(routeRules(settings)),
    sources: credentialSources(settings),
    ...guardedHeaders(settings),
    verifier: parts.store.verifier,
    tokenBytes: settings.limits.tokenBytes,
    bodyBytes: settings.limits.bodyBytes,
    clock: systemClock,
    lifetimes: lifetimesOf(settings),
    denylist: parts.store.denylist,
    live: parts.live,
    onUnknownOutcome: settings.denylist.onUnknownOutcome,
    cors: { ...cors, maxAgeSeconds: cors.maxAge / 1000 },
    responder: createResponder({
      ...settings.errors,
      messages: settings.errors.messages as Record<string, string>,
    }),
    application: parts.application,
    forwardUpgrade: createUpgradeForwarder(applicationOptions(config)),
    readPeer: createPeerReader(settings.listen.trustedProxies),
    metrics: parts.metrics.gate,
    log: createRequestLog(parts.logger, settings.log.requests),
  };
}

/** The listener for the operator's side; the API, and what identity providers send, where that is configured. */
function assembleAdmin(
  config: Config,
  { store, metrics, logger }: { store: Store; metrics: Metrics<string>; logger: Logger },
  readiness: () => DenylistHealth,
): { readonly server: Server; close(): void } {
  const audit: Audit = (event) => logger.info({ audit: event }, "admin listener");
  const signals = openSignals(config, store, { metrics: metrics.store, logger, audit });
  const { adminToken: secret } = config.files;
  const { requestsPerSecond } = config.settings.admin;
  const { commands } = store;
  const handlers: AdminHandler[] = [];
  if (secret !== undefined) {
    handlers.push(createAdminApi({ commands, secret, requestsPerSecond, audit }));
  }
  if (signals !== undefined) handlers.push(signals.handler);
  return {
    server: createAdminServer({ readiness, renderMetrics: metrics.render, handlers }),
    close: () => signals?.close(),
  };
}

function readinessOf({ denylist, keysTrouble }: Store): DenylistHealth {
  const health = denylist.health();
  const trouble = keysTrouble();
  return health.ready && trouble !== undefined ? { ready: false, reason: trouble } : health;
}

/** Has connections end with their tokens. */
function watchRevocations(
  { settings }: Config,
  { denylist }: Store,
  { gate }: Pick<Metrics<string>, "gate">,
): LiveConnections {
  const live = new LiveConnections({
    clock: systemClock,
    isRevoked: (token) => denylist.lookUp(token) === "revoked",
    clockToleranceSeconds: settings.tokens.clockTolerance / 1000,
    atExpiry: settings.liveConnections.atExpiry,
    onCut: (reason) => gate.cuts[reason].inc(),
  });
  denylist.onRevoked((entry) => live.revoke(entry));
  return live;
}

function applicationOptions({ settings, files }: Config): ApplicationOptions {
  const { upstream } = settings;
  return {
    url: upstream.url,
    ca: files.upstreamCa,
    connectTimeoutMs: upstream.connectTimeout,
    responseTimeoutMs: upstream.responseTimeout,
    maxConnections: upstream.maxConnections,
    headerBytes: settings.limits.headerBytes,
  };
}

async function closeAll(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function closeWithin(application: ConnectionPool, timeoutMs: number): Promise<void> {
  const cut = setTimeout(() => application.destroy(), Math.max(timeoutMs, 0));
  await application.close();
  clearTimeout(cut);
}

function listen(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(new UsageError(`cannot listen on ${host}:${port} (${error.code})`));
    });
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}
