import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import type { Server as GrpcServices } from "@grpc/grpc-js";
import { keepSession } from "../../node-http/http2/keep-session.ts";
import type { ReportUncaught } from "../../observability/uncaught.ts";
import {
  type DecisionTls,
  type QuestionRefusal,
  renewTls,
  tellNoTls,
  tlsOptions,
} from "../decision-server.ts";
import { limitHandshakes } from "../handshakes.ts";
import { watchFloods } from "./frame-floods.ts";
import { onSession } from "./grpc-sessions.ts";

/** Who may connect, how, and how many of them; and who is told. */
export interface ConnectionOptions {
  readonly mayAsk: (socket: Socket) => boolean;
  readonly maxConnections: number;
  /** How long TLS, or the first message of a call, may take. */
  readonly headersTimeoutMs: number;
  readonly tls: DecisionTls | undefined;
  readonly onRefused: (refusal: QuestionRefusal, peer: string, why: string) => void;
  readonly onUncaught: ReportUncaught;
}

/** The connections of Envoys. */
export interface GrpcConnections {
  /** Does not listen yet. */
  readonly server: Server;
  /** Goes by what a reload has changed, and closes connections of peers that may ask no more. */
  adjust(options: Pick<ConnectionOptions, "maxConnections" | "tls">): void;
  /** Tells those that are connected to connect anew; what they have asked is answered. */
  begin(): void;
  /** Stops accepting; resolves when all has been answered, or after `timeoutMs`, when the rest is cut. */
  close(timeoutMs: number): Promise<void>;
}

/** What timers can hold: what was asked before is answered however long that takes. */
const unbounded = 2 ** 31 - 1;

/** Hands the connections of gateways to gRPC, and no others: those are closed before a byte is read. */
export function takeConnections(
  calls: GrpcServices,
  credentials: Parameters<GrpcServices["createConnectionInjector"]>[0],
  options: ConnectionOptions,
): GrpcConnections {
  const injector = calls.createConnectionInjector(credentials);
  const watch = watchFloods((peer, why) => options.onRefused("gateway", peer, why));
  onSession(calls, (session) => {
    keepSession(session);
    watch(session);
  });

  const door = openDoor(options, (socket) => injector.injectConnection(socket));
  return {
    server: door.server,
    adjust: door.adjust,
    begin: () => injector.drain(unbounded),
    async close(timeoutMs) {
      injector.drain(timeoutMs);
      const cut = setTimeout(() => door.cut(), timeoutMs);
      await new Promise((resolve) => door.server.close(resolve));
      clearTimeout(cut);
      calls.forceShutdown();
    },
  };
}

interface Door extends Pick<GrpcConnections, "server" | "adjust"> {
  /** Closes every connection. */
  cut(): void;
}

/** Listens, and lets gateways in as far as there are places, behind TLS if there is to be TLS. */
function openDoor(options: ConnectionOptions, letIn: (socket: Socket) => void): Door {
  const { mayAsk, onRefused, onUncaught } = options;
  let { maxConnections } = options;
  const open = new Set<Socket>();
  const gateways = new Set<Socket>();
  const turnAway = (socket: Socket, why: string) => {
    onRefused("gateway", socket.remoteAddress ?? "unknown", why);
    socket.destroy();
  };
  const recheck = (socket: Socket) => {
    if (!mayAsk(socket)) turnAway(socket, `${socket.remoteAddress} is not in decisions.gateways`);
    return !socket.destroyed;
  };
  const take = (socket: Socket) => {
    socket.on("error", () => socket.destroy());
    if (!recheck(socket)) return;
    if (gateways.size >= maxConnections) return turnAway(socket, "too many connections");
    keep(gateways, socket);
    letIn(socket);
  };
  const secure = options.tls && secureBy(options.tls, options, take);
  const server = createServer((socket) => {
    keep(open, socket);
    if (secure === undefined) take(socket);
    else if (recheck(socket)) secure.begin(socket);
  });
  server.on("error", (error) => onUncaught("decisions", error));
  return {
    server,
    adjust(next) {
      maxConnections = next.maxConnections;
      if (secure && next.tls) renewTls(secure.server, next.tls);
      for (const socket of gateways) recheck(socket);
    },
    cut() {
      for (const socket of open) socket.destroy();
    },
  };
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
}

/** TLS for connections that are handed to it: it does not listen itself. */
function secureBy(
  tls: DecisionTls,
  { headersTimeoutMs: handshakeTimeout, onRefused }: ConnectionOptions,
  onSecure: (socket: Socket) => void,
): { readonly server: TlsServer; readonly begin: (socket: Socket) => void } {
  const server = createTlsServer({ ...tlsOptions(tls), ALPNProtocols: ["h2"], handshakeTimeout });
  const onCrowded = (peer: string, why: string) => onRefused("gateway", peer, why);
  const limit = limitHandshakes(server, { onCrowded, onSecure });
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    tellNoTls(onRefused, error, socket.remoteAddress);
    socket.destroy();
  });
  return {
    server,
    begin(socket) {
      socket.on("error", () => socket.destroy());
      limit(socket);
      server.emit("connection", socket);
    },
  };
}
