import type { Config } from "../config/load.ts";
import { type Engine, engineFor, testedMajors } from "../node-http/engine.ts";
import type { Logger } from "../observability/logger.ts";
import type { ProxyServerOptions } from "../server/proxy-server.ts";

/** The engine as configured; Node's own way on a version of Node that was not tested. */
export function chooseEngine({ settings }: Config, logger: Logger): Engine {
  const { node } = process.versions;
  const engine = engineFor(settings.server.engine, node);
  if (engine !== settings.server.engine) {
    logger.warn(
      { node, tested: testedMajors, "server.engine": engine },
      "revgate was not tested on this version of Node: it uses server.engine: node",
    );
  }
  return engine;
}

/** What the clients' port is opened with, and adjusted to when the configuration changes. */
export function proxyOptions({ settings, files }: Config, engine: Engine): ProxyServerOptions {
  const { limits } = settings;
  return {
    engine,
    tls: files.tls && { cert: files.tls.cert, key: files.tls.key, ca: files.tls.clientCa },
    headerBytes: limits.headerBytes,
    headersTimeoutMs: limits.headersTimeout,
    requestTimeoutMs: limits.requestTimeout,
    idleTimeoutMs: limits.idleTimeout,
    maxConnections: limits.maxConnections,
    receiveTimeoutMs: limits.receiveTimeout,
    sendTimeoutMs: limits.sendTimeout,
    http2: settings.listen.http2,
    streams: limits.streams,
  };
}
