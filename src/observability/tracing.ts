import { UsageError } from "../errors.ts";
import type { Logger } from "./logger.ts";

/** One request that is over, for a span. Times in milliseconds of `performance.now()`. */
export interface TracedRequest {
  readonly method: string;
  /** Without a query; undefined where the target has no path. */
  readonly path: string | undefined;
  readonly outcome: string;
  readonly status: number | undefined;
  readonly peer: string | undefined;
  readonly scheme: string;
  readonly host: string;
  readonly requestId: string;
  readonly startedMs: number;
  /** When the checks were done; undefined where they refused nothing and passed nothing. */
  readonly checkedMs: number | undefined;
  /** When the head of the application's response came; undefined where none did. */
  readonly headMs: number | undefined;
  readonly endedMs: number;
  /** `traceparent` and `tracestate` as sent. */
  readonly header: (name: string) => string | undefined;
}

/** Spans of requests, exported over OTLP. */
export interface Tracing {
  record(request: TracedRequest): void;
  /** Sends what is left, for as long as the exporter's time-out allows; never rejects. */
  close(): Promise<void>;
}

/**
 * Begins to export spans where the standard variables say whereto (`OTEL_EXPORTER_OTLP_ENDPOINT`,
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or `OTEL_TRACES_EXPORTER=otlp` for the default address); undefined
 * where they don't, and nothing of it is loaded then.
 *
 * All other settings are the SDK's own: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 * Throws UsageError where a protocol is asked for that is not spoken here.
 */
export async function openTracing(
  env: NodeJS.ProcessEnv,
  { logger, version }: { readonly logger: Logger; readonly version: string },
): Promise<Tracing | undefined> {
  if (!isAskedFor(env)) return undefined;
  const protocol = protocolOf(env);
  const timeout = env["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"] || env["OTEL_EXPORTER_OTLP_TIMEOUT"];
  const { createTracing } = await import("./spans.ts");
  return createTracing({
    ...{ protocol, version, logger },
    timeoutMs: Number(timeout) || standardTimeoutMs,
    serviceName: env["OTEL_SERVICE_NAME"],
  });
}

/** Shorter than the SDK's 10 s: the end of the process waits for the last export. */
const standardTimeoutMs = 2000;

/** How spans travel: the encodings of OTLP over HTTP. */
export type OtlpProtocol = "http/protobuf" | "http/json";

function isAskedFor(env: NodeJS.ProcessEnv): boolean {
  if (env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true") return false;
  const exporter = env["OTEL_TRACES_EXPORTER"] ?? "";
  if (exporter !== "") return exporter === "otlp";
  return Boolean(env["OTEL_EXPORTER_OTLP_ENDPOINT"] || env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]);
}

function protocolOf(env: NodeJS.ProcessEnv): OtlpProtocol {
  const asked =
    env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] ||
    env["OTEL_EXPORTER_OTLP_PROTOCOL"] ||
    "http/protobuf";
  if (asked === "http/protobuf" || asked === "http/json") return asked;
  throw new UsageError(
    `OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf or http/json, got "${asked}"`,
  );
}
