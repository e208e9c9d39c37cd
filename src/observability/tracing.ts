import { UsageError } from "../errors.ts";
import type { Logger } from "./logger.ts";
import type { OtlpProtocol, Tracing } from "./trace.ts";

/** The packages that export spans; optional peers of this one, since most deployments export none. */
export const tracingPackages = [
  "@opentelemetry/api",
  "@opentelemetry/core",
  "@opentelemetry/exporter-trace-otlp-http",
  "@opentelemetry/exporter-trace-otlp-proto",
  "@opentelemetry/resources",
  "@opentelemetry/sdk-trace-base",
] as const;

/** Shorter than the SDK's 10 s: the end of the process waits for the last export. */
const defaultTimeoutMs = 2000;

/**
 * Begins to export spans if the standard variables say where to (`OTEL_EXPORTER_OTLP_ENDPOINT`,
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or `OTEL_TRACES_EXPORTER=otlp` for the default address). Otherwise
 * resolves with undefined, and loads nothing.
 *
 * All other settings are the SDK's own: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 * Rejects with UsageError if the variables ask for a protocol that is not supported. If the packages are not
 * installed, logs how to add them and resolves with undefined: requests are served without spans.
 */
export async function openTracing(
  env: NodeJS.ProcessEnv,
  { logger, version }: { readonly logger: Logger; readonly version: string },
): Promise<Tracing | undefined> {
  if (!isAskedFor(env)) return undefined;
  const protocol = protocolOf(env);
  const spans = await loadSpans(logger);
  const timeout = env["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"] || env["OTEL_EXPORTER_OTLP_TIMEOUT"];
  return spans?.createTracing({
    ...{ protocol, version, logger },
    timeoutMs: Number(timeout) || defaultTimeoutMs,
    serviceName: env["OTEL_SERVICE_NAME"],
  });
}

async function loadSpans(logger: Logger): Promise<typeof import("./spans.ts") | undefined> {
  try {
    return await import("./spans.ts");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND") throw error;
    logger.error(
      { cause: message.split("\n", 1)[0], remedy: `npm install ${tracingPackages.join(" ")}` },
      "the environment asks for spans, but the packages of OpenTelemetry are not installed: no spans are exported",
    );
    return undefined;
  }
}

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
