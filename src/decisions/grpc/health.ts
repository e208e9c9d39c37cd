import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import { networkOf } from "../../platform/network.ts";
import { createPlaces, type Place } from "../../platform/places.ts";
import { addressOf } from "./grpc-service.ts";

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
/** Watchers of one server; an Envoy has one a connection. Beyond it the network with the most loses its oldest. */
const maxWatchers = 1000;
const tooMany = 8;

/** What is healthy, and when. */
export interface HealthOptions {
  /** The names that may be asked for. */
  readonly offered: readonly string[];
  readonly isServing: () => boolean;
  /** Told of each watcher that had to go. */
  readonly onCrowded: (peer: string, why: string) => void;
}

type Watcher = ServerWritableStream<HealthRequest, HealthResponse>;

/** Makes `grpc.health.v1.Health`; `tell` tells those who watch that something has changed. */
export function createHealth({ offered, isServing, onCrowded }: HealthOptions) {
  const watchers = new Map<Watcher, Place>();
  const takePlace = createPlaces(() => maxWatchers);
  const leave = (call: Watcher) => {
    watchers.get(call)?.leave();
    watchers.delete(call);
  };
  const turnAway = (call: Watcher) => {
    leave(call);
    onCrowded(addressOf(call.getPeer()), "too many watchers of its health");
    call.emit("error", { code: tooMany, details: "too many watchers" });
  };
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
      Watch(call: Watcher): void {
        const place = takePlace(networkOf(addressOf(call.getPeer())), () => turnAway(call));
        if (place === undefined) {
          turnAway(call);
          return;
        }
        watchers.set(call, place);
        call.once("cancelled", () => {
          leave(call);
          call.end();
        });
        call.write({ status: statusOf(call.request) });
      },
    },
    /** Also ends the watch, so that the connection can close. */
    tell(): void {
      for (const call of [...watchers.keys()]) {
        call.write({ status: statusOf(call.request) });
        if (isServing()) continue;
        leave(call);
        call.end();
      }
    },
  };
}
