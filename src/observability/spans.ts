import {
  type Attributes,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Logger } from "./logger.ts";
import type { OtlpProtocol, TracedRequest, Tracing } from "./trace.ts";

/** How and as whom spans are exported. */
export interface SpanOptions {
  readonly protocol: OtlpProtocol;
  readonly version: string;
  readonly serviceName: string | undefined;
  /** How long an export may take, its repetitions included. */
  readonly timeoutMs: number;
  /** Told of what the exporter could not do. */
  readonly logger: Logger;
}

const propagator = new W3CTraceContextPropagator();
const headersOf: TextMapGetter<TracedRequest> = {
  keys: () => [],
  get: (request, name) => request.header(name),
};

/**
 * Makes spans of requests that are over. The caller's `traceparent` decides whether there is one, and whose
 * child it is; the application gets the same `traceparent`, untouched, so that its span is a sibling.
 */
export function createTracing(options: SpanOptions): Tracing {
  const { protocol, version, serviceName, logger } = options;
  diag.setLogger(complainTo(logger), {
    logLevel: DiagLogLevel.WARN,
    suppressOverrideMessage: true,
  });
  const how = { timeoutMillis: options.timeoutMs };
  const exporter = protocol === "http/json" ? new JsonExporter(how) : new ProtobufExporter(how);
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ "service.name": "revgate", "service.version": version }))
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(resourceFromAttributes(serviceName ? { "service.name": serviceName } : {})),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer("revgate", version);

  return {
    record(request) {
      const span = tracer.startSpan(
        request.method,
        {
          kind: SpanKind.SERVER,
          startTime: request.startedMs,
          attributes: attributesOf(request),
        },
        propagator.extract(ROOT_CONTEXT, request, headersOf),
      );
      const { checkedMs, headMs, status } = request;
      if (checkedMs !== undefined) span.addEvent("checked", checkedMs);
      if (headMs !== undefined) span.addEvent("response head", headMs);
      if (status !== undefined && status >= 500) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: request.outcome });
      }
      span.end(request.endedMs);
    },
    async close() {
      await provider.shutdown().catch(() => {});
    },
  };
}

/** The HTTP server attributes of the semantic conventions; nothing that could be a credential. */
function attributesOf(request: TracedRequest): Attributes {
  const { method, path, status, peer, scheme, host, outcome, requestId } = request;
  return {
    "http.request.method": method,
    "url.scheme": scheme,
    "server.address": host,
    ...(path !== undefined && { "url.path": path }),
    ...(peer !== undefined && { "client.address": peer }),
    ...(status !== undefined && { "http.response.status_code": status }),
    ...(status !== undefined && status >= 500 && { "error.type": outcome }),
    "revgate.outcome": outcome,
    "revgate.request_id": requestId,
  };
}

function complainTo(logger: Logger) {
  const warn = (message: string) => logger.warn({ cause: message }, "OpenTelemetry");
  const nothing = () => {};
  return { error: warn, warn, info: nothing, debug: nothing, verbose: nothing };
}
