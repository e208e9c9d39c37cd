import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";

interface HealthRequest {
  readonly service?: string;
}
interface HealthResponse {
  readonly status: number;
}

/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
const statuses = { serving: 1, notServing: 2, unknownService: 3 } as const;
/** The code of gRPC for what is not there. */
const notFound = 5;
/** Watchers of one server; an Envoy has one a connection. */
const maxWatchers = 1000;
const tooMany = 8;

/** What is healthy, and when. */
export interface HealthOptions {
  /** The names that may be asked for. */
  readonly offered: readonly string[];
  readonly isServing: () => boolean;
}

/** Makes `grpc.health.v1.Health`; `tell` tells those who watch that something has changed. */
export function createHealth({ offered, isServing }: HealthOptions) {
  const watchers = new Set<ServerWritableStream<HealthRequest, HealthResponse>>();
  const statusOf = ({ service = "" }: HealthRequest) => {
    if (!offered.includes(service)) return statuses.unknownService;
    return isServing() ? statuses.serving : statuses.notServing;
  };
  return {
    service: {
      Check(
        call: ServerUnaryCall<HealthRequest, HealthResponse>,
        respond: sendUnaryData<HealthResponse>,
      ): void {
        const status = statusOf(call.request);
        if (status !== statuses.unknownService) respond(null, { status });
        else respond({ code: notFound, details: "unknown service" });
      },
      Watch(call: ServerWritableStream<HealthRequest, HealthResponse>): void {
        if (watchers.size >= maxWatchers) {
          call.emit("error", { code: tooMany, details: "too many watchers" });
          return;
        }
        watchers.add(call);
        call.once("cancelled", () => {
          watchers.delete(call);
          call.end();
        });
        call.write({ status: statusOf(call.request) });
      },
    },
    /** Also ends the watch, so that the connection can close. */
    tell(): void {
      for (const call of watchers) {
        call.write({ status: statusOf(call.request) });
        if (!isServing()) call.end();
      }
    },
  };
}
