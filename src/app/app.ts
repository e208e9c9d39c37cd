import type { Server } from "node:http";
import type { AddressInfo, Server as NetServer } from "node:net";
import type { Config } from "../config/load.ts";
import { revocationKinds } from "../denylist/denylist.ts";
import { UsageError } from "../errors.ts";
import { outcomes } from "../gateway/visit.ts";
import { createMetrics } from "../observability/metrics.ts";
import { createUncaughtReport, type ReportUncaught } from "../observability/uncaught.ts";
import { type AppContext, construct, type Parts } from "./parts.ts";
import { openStore } from "./store.ts";

/** A revgate that serves. */
export interface RunningApp {
  readonly address: AddressInfo;
  readonly adminAddress: AddressInfo;
  /** Where other gateways ask; undefined if there is no such port. */
  readonly decisionsAddress: AddressInfo | undefined;
  /** The configuration in force. */
  config(): Config;
  /**
   * Applies the configuration that `load` resolves with, as far as that can be done while revgate runs.
   *
   * Never rejects: one that can't be used changes nothing, and is reported.
   */
  reload(load: () => Promise<Config>): Promise<void>;
  /** Not ready → no new connections → what is in progress finishes → the store closes. */
  stop(): Promise<void>;
  /** Reports an error that reached the top of the process. */
  reportUncaught(error: unknown): void;
}

/**
 * Puts revgate together and starts it: first all of it is constructed, then all of it is served.
 *
 * Rejects with a RevgateError where the data directory or an address can't be had; nothing is left
 * running then. Neither the application nor Redis is waited for.
 */
export async function startApp(config: Config, context: AppContext): Promise<RunningApp> {
  const metrics = createMetrics({ outcomes, kinds: revocationKinds }, context.version);
  const { logger, stopwatch, output } = context;
  output?.onDropped((lines) => metrics.logLinesDropped.inc(lines));
  const onUncaught = createUncaughtReport({ counts: metrics.uncaught, logger });
  const store = await openStore(config, { metrics: metrics.store, logger, stopwatch, onUncaught });
  let parts: Parts | undefined;
  try {
    parts = construct(config, store, { ...context, metrics, onUncaught });
    return await serve(parts, onUncaught);
  } catch (error) {
    await (parts === undefined ? store.close() : stop(parts));
    throw error;
  }
}

/** Serves the control socket, then the operators' side, then clients. */
async function serve(parts: Parts, onUncaught: ReportUncaught): Promise<RunningApp> {
  const { inForce, reloads, life, store, admin, proxy, gateways } = parts;
  const { settings } = inForce.config;
  store.serveCommands(parts.commands);
  const adminAddress = await listen(admin, settings.admin);
  const { decisions } = settings;
  const decisionsAddress = gateways && decisions && (await listen(gateways.server, decisions));
  const address = await listen(proxy, settings.listen);
  life.state = "serving";
  return {
    ...{ address, adminAddress, decisionsAddress },
    config: () => inForce.config,
    reload: (load) => reloads.run(load),
    stop: () => stop(parts),
    reportUncaught: (error) => onUncaught("process", error),
  };
}

async function stop(parts: Parts): Promise<void> {
  const { inForce, reloads, life, drain, gateways, current, live, store, admin } = parts;
  life.state = "stopping";
  await reloads.close();
  const { drainTimeout } = inForce.config.settings.limits;
  const deadlineMs = performance.now() + drainTimeout;
  await Promise.all([drain.run(drainTimeout), gateways?.close(drainTimeout)]);
  // A logout whose client has left is still on its way; it gets what is left of the time.
  await current.close(deadlineMs - performance.now());
  live.close();
  await store.close();
  await closeAll(admin);
}

async function closeAll(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function listen(
  server: NetServer,
  { host, port }: { host: string; port: number },
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(new UsageError(`cannot listen on ${host}:${port} (${error.code})`));
    });
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}
