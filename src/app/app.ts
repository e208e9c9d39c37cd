import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdminServer } from "../admin/admin-server.ts";
import { LatestRevocations } from "../admin/latest-revocations.ts";
import { createStatusPage } from "../admin/status-page.ts";
import type { Config } from "../config/load.ts";
import type { DenylistHealth } from "../denylist/denylist.ts";
import { UsageError } from "../errors.ts";
import { LiveConnections } from "../gateway/live-connections.ts";
import { outcomes } from "../gateway/visit.ts";
import type { Logger } from "../observability/logger.ts";
import { createMetrics, type Metrics } from "../observability/metrics.ts";
import type { Tracing } from "../observability/tracing.ts";
import { systemClock } from "../platform/clock.ts";
import { type Drain, watchForDrain } from "../server/drain.ts";
import {
  adjustProxyServer,
  createProxyServer,
  type ProxyServerOptions,
} from "../server/proxy-server.ts";
import { CurrentAssembly } from "./assembly.ts";
import { Reloads } from "./reloads.ts";
import { openStore, type Store } from "./store.ts";

/** A revgate that serves. */
export interface RunningApp {
  readonly address: AddressInfo;
  readonly adminAddress: AddressInfo;
  /** The configuration in force. */
  config(): Config;
  /**
   * Takes on the configuration that `load` resolves with, as far as that can be done while revgate runs.
   *
   * Never rejects: one that can't be used changes nothing, and is reported.
   */
  reload(load: () => Promise<Config>): Promise<void>;
  /** Not ready → no new connections → what is under way finishes → the store closes. */
  stop(): Promise<void>;
}

/** What starting needs besides the configuration. */
export interface AppContext {
  readonly logger: Logger;
  readonly version: string;
  /** Where spans of requests go; undefined: nowhere. */
  readonly tracing?: Tracing | undefined;
}

/**
 * Puts revgate together and starts it: store, then the admin listener, then the one for clients.
 *
 * Rejects with a RevgateError where the data directory or an address can't be had; nothing is left
 * running then. Neither the application nor Redis is waited for.
 */
export async function startApp(config: Config, context: AppContext): Promise<RunningApp> {
  const { logger } = context;
  const metrics = createMetrics(outcomes, context.version);
  const startDrain = () => beginDrain(drain, logger);
  const store = await openStore(config, { metrics: metrics.store, logger, drain: startDrain });
  const live = watchRevocations(() => current.config, store, metrics);
  const current = new CurrentAssembly(config, {
    ...{ store, metrics, logger, live, tracing: context.tracing },
  });
  const proxy = createProxyServer(() => current.gate, proxyOptions(config));
  const drain = watchForDrain(proxy);
  const reloads = new Reloads({
    async adopt(asked) {
      const needRestart = await current.adopt(asked);
      adjustProxyServer(proxy, proxyOptions(current.config));
      return needRestart;
    },
    metrics: metrics.config,
    logger,
  });
  let stopping = false;
  const admin = assembleAdmin(current, { store, metrics, reloads }, () =>
    readinessOf(store, stopping ? "shutting down" : leaving(drain)),
  );
  observe(metrics, { store, drain, live });

  async function stop(): Promise<void> {
    stopping = true;
    await reloads.close();
    const { drainTimeout } = current.config.settings.limits;
    const deadlineMs = performance.now() + drainTimeout;
    await drain.run(drainTimeout);
    // A logout whose client has left is still on its way; it gets what is left of the time.
    await current.close(deadlineMs - performance.now());
    live.close();
    await store.close();
    await closeAll(admin);
  }

  const running = { stop, reload: (load: () => Promise<Config>) => reloads.run(load) };
  try {
    const adminAddress = await listen(admin, config.settings.admin);
    const address = await listen(proxy, config.settings.listen);
    return { ...running, address, adminAddress, config: () => current.config };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The listener for the operator's side. */
function assembleAdmin(
  current: CurrentAssembly,
  { store, metrics, reloads }: { store: Store; metrics: Metrics<string>; reloads: Reloads },
  readiness: () => DenylistHealth,
): Server {
  const latest = new LatestRevocations(systemClock);
  store.denylist.onRevoked((entry) => latest.add(entry));
  return createAdminServer({
    readiness,
    renderMetrics: metrics.render,
    configTrouble: () => reloads.trouble,
    handlers: () => current.handlers,
    page: createStatusPage({
      hasApi: () => current.config.files.adminToken !== undefined,
      latest: () => latest.list(),
    }),
  });
}

/** Stops being ready, and has clients leave, while what comes all the same is still served. */
function beginDrain(drain: Drain, logger: Logger): number {
  if (!drain.begun) logger.info({ connections: drain.connections }, "draining");
  drain.begin();
  return drain.connections;
}

/** Says where the metrics come from that are read on demand. */
function observe(
  metrics: Metrics<string>,
  { store, drain, live }: { store: Store; drain: Drain; live: LiveConnections },
): void {
  metrics.observe({
    denylistEntries: () => store.denylist.size,
    journalBytes: store.journalBytes,
    redisStaleness: store.redisStaleness,
    jwksAge: () => store.verification.keysAgeSeconds(),
    connections: () => drain.connections,
    liveConnections: () => live.size,
  });
}

function proxyOptions({ settings, files }: Config): ProxyServerOptions {
  const { limits } = settings;
  return {
    tls: files.tls,
    headerBytes: limits.headerBytes,
    headersTimeoutMs: limits.headersTimeout,
    requestTimeoutMs: limits.requestTimeout,
    idleTimeoutMs: limits.idleTimeout,
    maxConnections: limits.maxConnections,
  };
}

function leaving(drain: Drain): string | undefined {
  return drain.begun ? "draining" : undefined;
}

function readinessOf(
  { denylist, verification }: Store,
  leaving: string | undefined,
): DenylistHealth {
  if (leaving !== undefined) return { ready: false, reason: leaving };
  const health = denylist.health();
  const trouble = verification.keysTrouble();
  if (health.ready && trouble !== undefined) return { ready: false, reason: trouble };
  // Still trusted, so still ready; but whoever looks is told.
  return { ...health, reason: health.reason ?? verification.keysDoubt() };
}

/** Has connections end with their tokens. */
function watchRevocations(
  config: () => Config,
  { denylist }: Store,
  { gate }: Pick<Metrics<string>, "gate">,
): LiveConnections {
  const live = new LiveConnections({
    clock: systemClock,
    isRevoked: (token) => denylist.lookUp(token) === "revoked",
    clockToleranceSeconds: () => config().settings.tokens.clockTolerance / 1000,
    atExpiry: () => config().settings.liveConnections.atExpiry,
    onCut: (reason) => gate.cuts[reason].inc(),
  });
  denylist.onRevoked((entry) => live.revoke(entry));
  return live;
}

async function closeAll(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
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
