import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { createAuthorization } from "./authorization.ts";
import { boundMessages, undecoded } from "./bounded-messages.ts";
import { limitFirstMessages } from "./first-messages.ts";
import {
  type ConnectionOptions,
  type GrpcConnections,
  takeConnections,
} from "./grpc-connections.ts";
import { codes, type FailCall, type GrpcGate, type GrpcService } from "./grpc-service.ts";
import { createHealth } from "./health.ts";
import { type LoadedGrpc, services } from "./load-grpc.ts";
import { createProcessor } from "./processor.ts";

/** How Envoy asks: by its head alone, or with the answer that comes back. */
export type GrpcForm = "ext_authz" | "ext_proc";

/** What it is asked, the limits on what Envoys may take, and who is told. */
export interface GrpcServerOptions extends Omit<ConnectionOptions, "mayAsk"> {
  readonly form: GrpcForm;
  /** How long a connection may be without a call, and for how long it is not asked whether it lives. */
  readonly idleTimeoutMs: number;
  /** The longest message, in bytes, and the most that it may have besides a body. */
  readonly messageBytes: number;
  readonly headBytes: number;
  /** Whether gateways are to leave: this one is not healthy then. */
  readonly isLeaving: () => boolean;
}

/** Questions that one connection may have open; Envoy opens another one beyond. */
const maxStreams = 128;
/** Of all streams of a connection together, in MB: ten are the default of Node. */
const sessionMemoryMb = 16;

/**
 * Makes the server that Envoys ask over gRPC. No other peer gets as far as HTTP/2: its connection is closed, which is
 * counted and told.
 */
export function createGrpcServer(
  loaded: LoadedGrpc,
  current: () => GrpcGate | undefined,
  options: GrpcServerOptions,
): GrpcConnections {
  const { grpc, services: definitions } = loaded;
  const calls = new grpc.Server({
    "grpc.max_receive_message_length": options.messageBytes,
    "grpc.max_concurrent_streams": maxStreams,
    "grpc.enable_channelz": 0,
    "grpc-node.max_session_memory": sessionMemoryMb,
    "grpc.max_connection_idle_ms": options.idleTimeoutMs,
    // A gateway that has vanished without a word keeps no place, nor what it has asked.
    "grpc.keepalive_time_ms": options.idleTimeoutMs,
    "grpc.keepalive_timeout_ms": options.headersTimeoutMs,
    interceptors: [
      limitFirstMessages(grpc, {
        timeoutMs: options.headersTimeoutMs,
        onCrowded: (peer, why) => options.onRefused("question", peer, why),
      }),
      boundMessages(loaded, {
        maxBytes: options.headBytes,
        onRefused: (peer, why) => options.onRefused("question", peer, why),
      }),
    ],
  });
  const service = shareService(current, options);
  const add = (name: keyof typeof services, implementation: object) =>
    calls.addService(undecoded(definitions[name]), implementation as UntypedServiceImplementation);
  const asked = options.form === "ext_proc" ? "processor" : "authorization";
  add(asked, asked === "processor" ? createProcessor(service) : createAuthorization(service));
  const offered = services[asked].name;
  const health = createHealth({
    offered: ["", offered],
    isServing: () => !options.isLeaving(),
    onCrowded: (peer, why) => options.onRefused("question", peer, why),
  });
  add("health", health.service);
  const connections = takeConnections(calls, grpc.ServerCredentials.createInsecure(), {
    ...options,
    mayAsk: (socket) => current()?.mayAsk(socket) === true,
  });
  return {
    ...connections,
    begin() {
      health.tell();
      connections.begin();
    },
  };
}

function shareService(
  current: () => GrpcGate | undefined,
  { onRefused, onUncaught }: GrpcServerOptions,
): GrpcService {
  const end = (fail: FailCall, error: unknown) => {
    onUncaught("decisions", error);
    fail({ code: codes.internal, details: "internal_error" });
  };
  return {
    onRefused,
    onUncaught,
    gate() {
      const gate = current();
      if (gate === undefined) throw new Error("no decisions are configured");
      return gate;
    },
    guard(fail, steps) {
      try {
        steps()?.catch((error: unknown) => end(fail, error));
      } catch (error) {
        end(fail, error);
      }
    },
  };
}
