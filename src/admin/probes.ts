import type { DenylistHealth } from "../denylist/denylist.ts";
import { createBucket } from "../platform/buckets.ts";
import type { AdminAnswer } from "./answer.ts";
import type { Endpoints } from "./endpoint.ts";

/** Where the answers to probes and to Prometheus come from. */
export interface ProbeOptions {
  /** Whether requests should be sent here: the store answers, and nothing is being shut down. */
  readonly readiness: () => DenylistHealth;
  readonly renderMetrics: () => Promise<Rendered>;
  /** Why the configuration in force is not the one that is there; undefined if it is. */
  readonly configTrouble: () => string | undefined;
}

interface Rendered {
  readonly contentType: string;
  readonly text: string;
}

/**
 * Makes what the orchestrator and Prometheus ask for. Any Host will do: they come by addresses and names
 * that no one lists.
 *
 *     GET /healthz   200 while the process serves
 *     GET /readyz    200 or 503, with the reason
 *     GET /metrics   Prometheus text format
 */
export function createProbes(options: ProbeOptions): Endpoints {
  const render = shareRenderings(options.renderMetrics);
  const open = { hosts: "any", audited: false } as const;
  return new Map([
    ["GET /healthz", { ...open, answer: () => ({ status: 200, body: { status: "ok" } }) }],
    ["GET /readyz", { ...open, answer: () => readinessAnswer(options) }],
    ["GET /metrics", { ...open, answer: async () => metricsAnswer(await render()) }],
  ]);
}

/** A configuration that can't be used takes no one out of service: the one before is in force. */
function readinessAnswer({ readiness, configTrouble }: ProbeOptions): AdminAnswer {
  const { ready, reason } = readiness();
  const config = configTrouble();
  const body = {
    status: ready ? "ready" : "not_ready",
    ...(reason !== undefined && { reason }),
    ...(config !== undefined && { config }),
  };
  return { status: ready ? 200 : 503, body };
}

function metricsAnswer({ contentType, text }: Rendered): AdminAnswer {
  return { status: 200, text: { type: contentType, text } };
}

const maxRenderingsPerSecond = 50;

/**
 * Writing the metrics down takes a thousand times as long as asking for them, and anybody may ask: those who
 * ask at the same time share one text, and beyond so many a second they get the one before.
 */
function shareRenderings(render: () => Promise<Rendered>): () => Promise<Rendered> {
  const mayRender = createBucket(maxRenderingsPerSecond);
  let latest: Promise<Rendered> | undefined;
  let isRendering = false;
  return () => {
    if (latest === undefined || (!isRendering && mayRender())) {
      isRendering = true;
      latest = render().finally(() => {
        isRendering = false;
      });
    }
    return latest;
  };
}
