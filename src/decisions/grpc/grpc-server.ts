import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Server as GrpcServices, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { ReportUncaught } from "../../observability/uncaught.ts";
import {
  type DecisionTls,
  type QuestionRefusal,
  tellNoTls,
  tlsOptions,
} from "../decision-server.ts";
import { createAuthorization } from "./authorization.ts";
import { codes, type FailCall, type GrpcGate, type GrpcService } from "./grpc-service.ts";
import { createHealth } from "./health.ts";
import { type LoadedGrpc, services } from "./load-grpc.ts";
import { createProcessor } from "./processor.ts";

/** How Envoy asks: by its head alone, or with the answer that comes back. */
export type GrpcForm = "ext_authz" | "ext_proc";

/** The limits on what Envoys may take, and who is told. */
export interface GrpcServerOptions {
  readonly form: GrpcForm;
  /** The longest message, in bytes. */
  readonly messageBytes: number;
  readonly maxConnections: number;
  readonly handshakeTimeoutMs: number;
  readonly tls: DecisionTls | undefined;
  /** Whether gateways are to leave: this one is not healthy then. */
  readonly isLeaving: () => boolean;
  readonly onRefused: (refusal: QuestionRefusal, peer: string, why: string) => void;
  readonly onUncaught: ReportUncaught;
}

/** The server that Envoys ask over gRPC. */
export interface GrpcServer {
  /** Does not listen yet. */
  readonly server: Server;
  /** Closes connections of peers that may ask no more, after a reload. */
  recheck(): void;
  /** Tells those that are connected to connect anew; what they have asked is answered. */
  begin(): void;
  /** Stops accepting; resolves when all has been answered, or after `timeoutMs`, when the rest is cut. */
  close(timeoutMs: number): Promise<void>;
}

/** Questions that one connection may have open; Envoy opens another one beyond. */
const maxStreams = 1000;
/** Of all streams of a connection together, in MB: ten are the default of Node. */
const sessionMemoryMb = 16;

/**
 * Makes the server that Envoys ask over gRPC. No other peer gets as far as HTTP/2: its connection is closed, which is
 * counted and told.
 */
export function createGrpcServer(
  { grpc, services: definitions }: LoadedGrpc,
  current: () => GrpcGate | undefined,
  options: GrpcServerOptions,
): GrpcServer {
  const calls = new grpc.Server({
    "grpc.max_receive_message_length": options.messageBytes,
    "grpc.max_concurrent_streams": maxStreams,
    "grpc.enable_channelz": 0,
    "grpc-node.max_session_memory": sessionMemoryMb,
  });
  const service = shareService(current, options);
  const add = (name: keyof typeof services, implementation: object) =>
    calls.addService(definitions[name], implementation as UntypedServiceImplementation);
  const asked = options.form === "ext_proc" ? "processor" : "authorization";
  add(asked, asked === "processor" ? createProcessor(service) : createAuthorization(service));
  const offered = services[asked].name;
  const health = createHealth({ offered: ["", offered], isServing: () => !options.isLeaving() });
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

/** Hands the connections of gateways to gRPC, and no others. */
function takeConnections(
  calls: GrpcServices,
  credentials: Parameters<GrpcServices["createConnectionInjector"]>[0],
  options: GrpcServerOptions & { readonly mayAsk: (socket: Socket) => boolean },
): GrpcServer {
  const injector = calls.createConnectionInjector(credentials);
  const sockets = new Set<Socket>();
  const isAllowed = (socket: Socket) => {
    if (options.mayAsk(socket)) return true;
    const peer = socket.remoteAddress ?? "unknown";
    options.onRefused("gateway", peer, `${peer} is not in decisions.gateways`);
    socket.destroy();
    return false;
  };
  const take = (socket: Socket) => {
    socket.on("error", () => socket.destroy());
    if (!isAllowed(socket)) return;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    injector.injectConnection(socket);
  };
  const server = listenFor(take, options);
  server.maxConnections = options.maxConnections;
  server.on("error", (error) => options.onUncaught("decisions", error));
  return {
    server,
    recheck() {
      for (const socket of sockets) isAllowed(socket);
    },
    begin: () => injector.drain(unbounded),
    async close(timeoutMs) {
      injector.drain(timeoutMs);
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, timeoutMs);
      await new Promise((resolve) => server.close(resolve));
      clearTimeout(cut);
      calls.forceShutdown();
    },
  };
}

/** What timers can hold: what was asked before is answered however long that takes. */
const unbounded = 2 ** 31 - 1;

function listenFor(take: (socket: Socket) => void, options: GrpcServerOptions): Server {
  if (options.tls === undefined) return createServer(take);
  const { handshakeTimeoutMs: handshakeTimeout } = options;
  const server = createTlsServer({
    ...{ ...tlsOptions(options.tls), ALPNProtocols: ["h2"], handshakeTimeout },
  });
  server.on("secureConnection", take);
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    tellNoTls(options.onRefused, error, socket.remoteAddress);
    socket.destroy();
  });
  return server;
}
