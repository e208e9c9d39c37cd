/** One request that is over, for a span. Times in milliseconds of `performance.now()`. */
export interface TracedRequest {
  readonly method: string;
  /** Without a query; undefined if the target has no path. */
  readonly path: string | undefined;
  readonly outcome: string;
  readonly status: number | undefined;
  readonly peer: string | undefined;
  readonly scheme: string;
  readonly host: string;
  readonly requestId: string;
  readonly startedMs: number;
  /** When the checks were done; undefined if they did not finish. */
  readonly checkedMs: number | undefined;
  /** When the head of the application's response came; undefined if none came. */
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

/** How spans travel: the encodings of OTLP over HTTP. */
export type OtlpProtocol = "http/protobuf" | "http/json";
