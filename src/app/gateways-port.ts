import type { Server } from "node:http";
import type { Config } from "../config/load.ts";
import {
  adjustDecisionServer,
  createDecisionServer,
  type DecisionGate,
  type DecisionServerOptions,
} from "../decisions/decision-server.ts";
import { createLineBudget } from "../observability/line-budget.ts";
import type { Logger } from "../observability/logger.ts";
import type { DecisionMetrics } from "../observability/metrics/operation.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import { createDrain, type Drain } from "../server/drain.ts";

/** The port that other gateways ask at. */
export interface GatewaysPort {
  readonly server: Server;
  readonly drain: Drain;
  /** Applies the limits of a changed configuration. */
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

/** Makes the port; undefined if the configuration has none. */
export function createGatewaysPort(
  config: Config,
  current: () => DecisionGate | undefined,
  { metrics, logger, onUncaught }: Told,
): GatewaysPort | undefined {
  if (config.settings.decisions === undefined) return undefined;
  const drain = createDrain(noUpgrades);
  const mayWrite = createLineBudget(maxLinesPerSecond, (reason: string, lines) => {
    logger.warn({ reason, lines }, "more questions of gateways were refused");
  });
  const server = createDecisionServer(current, {
    ...limitsOf(config),
    headerBytes: config.settings.limits.headerBytes,
    isLeaving: () => drain.begun,
    onRefused(reason, peer, why) {
      metrics.decisions.refused[reason].inc();
      if (mayWrite(reason)) logger.warn({ reason, peer, why }, "a gateway's question was refused");
    },
    onUncaught,
  });
  drain.watch(server);
  return { server, drain, adjust: (next) => adjustDecisionServer(server, limitsOf(next)) };
}

function limitsOf({
  settings: { limits },
}: Config): Omit<DecisionServerOptions, "headerBytes" | "isLeaving" | "onRefused" | "onUncaught"> {
  return {
    headersTimeoutMs: limits.headersTimeout,
    requestTimeoutMs: limits.requestTimeout,
    idleTimeoutMs: limits.idleTimeout,
    maxConnections: limits.maxConnections,
  };
}
