import type { Server } from "node:net";
import type { Config } from "../config/load.ts";
import { isGrpcForm } from "../config/settings/decisions.ts";
import {
  adjustDecisionServer,
  createDecisionServer,
  type DecisionServerOptions,
} from "../decisions/decision-server.ts";
import { createGrpcServer, type GrpcServerOptions } from "../decisions/grpc/grpc-server.ts";
import type { GrpcGate } from "../decisions/grpc/grpc-service.ts";
import { loadGrpc } from "../decisions/grpc/load-grpc.ts";
import { createLineBudget } from "../observability/line-budget.ts";
import type { Logger } from "../observability/logger.ts";
import type { DecisionMetrics } from "../observability/metrics/operation.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import { createDrain } from "../server/drain.ts";

/** The port that other gateways ask at. */
export interface GatewaysPort {
  readonly server: Server;
  /** Has gateways leave: what they ask is still answered. */
  begin(): void;
  /** Stops accepting; resolves when all has been answered, at the latest after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
  /** Applies a changed configuration. */
  adjust(config: Config): void;
}

const noUpgrades = { leave: () => {}, close: () => {} };
const maxLinesPerSecond = 1;

/** Who is told of what happens there. */
interface Told {
  readonly metrics: { readonly decisions: DecisionMetrics };
  readonly logger: Logger;
  readonly onUncaught: ReportUncaught;
}

type Reports = Pick<DecisionServerOptions, "onRefused" | "onUncaught">;

/** Makes the port; undefined if the configuration has none. */
export function createGatewaysPort(
  config: Config,
  current: () => GrpcGate | undefined,
  { engine, ...told }: Told & Pick<DecisionServerOptions, "engine">,
): GatewaysPort | undefined {
  const { decisions } = config.settings;
  if (decisions === undefined) return undefined;
  const reports = createReports(told);
  return isGrpcForm(decisions.question)
    ? openGrpc(config, current, { ...reports, form: decisions.question })
    : openHttp(config, current, { engine, ...reports });
}

function createReports({ metrics, logger, onUncaught }: Told): Reports {
  const mayWrite = createLineBudget(maxLinesPerSecond, (reason: string, lines) => {
    logger.warn({ reason, lines }, "more questions of gateways were refused");
  });
  return {
    onRefused(reason, peer, why) {
      metrics.decisions.refused[reason].inc();
      if (mayWrite(reason)) logger.warn({ reason, peer, why }, "a gateway's question was refused");
    },
    onUncaught,
  };
}

function openHttp(
  config: Config,
  current: () => GrpcGate | undefined,
  own: Reports & Pick<DecisionServerOptions, "engine">,
): GatewaysPort {
  const drain = createDrain(noUpgrades);
  const server = createDecisionServer(current, {
    ...limitsOf(config),
    headerBytes: config.settings.limits.headerBytes,
    ...own,
  });
  drain.watch(server);
  return {
    server,
    begin: () => drain.begin(),
    close: (timeoutMs) => drain.run(timeoutMs),
    adjust: (next) => adjustDecisionServer(server, limitsOf(next)),
  };
}

/** Bytes of a message besides the header lines or a body: names of fields, lengths, addresses. */
const messageOverhead = 16 * 1024;
/** What Envoy keeps of a body unless its `per_connection_buffer_limit_bytes` says otherwise, four times. */
const bodyOfEnvoy = 4 * 1024 * 1024;

/** How long messages may be: longer heads than clients may send are refused by name. */
function lengthsOf(
  form: "ext_authz" | "ext_proc",
  { headerBytes, bodyBytes }: Config["settings"]["limits"],
): Pick<GrpcServerOptions, "headBytes" | "messageBytes"> {
  const headBytes = messageOverhead + 4 * headerBytes;
  const messageBytes = messageOverhead + Math.max(4 * headerBytes, bodyBytes, bodyOfEnvoy);
  return { headBytes, messageBytes: form === "ext_authz" ? headBytes : messageBytes };
}

function openGrpc(
  config: Config,
  current: () => GrpcGate | undefined,
  { form, ...reports }: Reports & { readonly form: "ext_authz" | "ext_proc" },
): GatewaysPort {
  const { limits } = config.settings;
  let leaves = false;
  const { server, adjust, begin, close } = createGrpcServer(loadGrpc(), current, {
    ...{ form, ...reports, tls: config.files.decisionsTls },
    ...lengthsOf(form, limits),
    maxConnections: limits.maxConnections,
    headersTimeoutMs: limits.headersTimeout,
    idleTimeoutMs: limits.idleTimeout,
    isLeaving: () => leaves,
  });
  const leave = () => {
    leaves = true;
    begin();
  };
  return {
    server,
    begin: leave,
    close(timeoutMs) {
      leave();
      return close(timeoutMs);
    },
    adjust: ({ settings, files }) =>
      adjust({ maxConnections: settings.limits.maxConnections, tls: files.decisionsTls }),
  };
}

function limitsOf({
  settings: { limits },
  files,
}: Config): Omit<DecisionServerOptions, "engine" | "headerBytes" | "onRefused" | "onUncaught"> {
  return {
    headersTimeoutMs: limits.headersTimeout,
    requestTimeoutMs: limits.requestTimeout,
    idleTimeoutMs: limits.idleTimeout,
    maxConnections: limits.maxConnections,
    tls: files.decisionsTls,
  };
}
