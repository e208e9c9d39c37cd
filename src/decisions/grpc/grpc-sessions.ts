import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Server as GrpcServices } from "@grpc/grpc-js";
import { UsageError } from "../../errors.ts";

/** Where `@grpc/grpc-js` keeps the servers of HTTP/2 that it makes: by server. */
interface WithServers {
  readonly http2Servers?: ReadonlyMap<Http2Server, unknown>;
}

/**
 * Calls back with each session that gRPC makes on connections that are injected: it makes them itself, and
 * shows them to no one (decision 0057). Call it when the injector has been created.
 *
 * Throws UsageError if a version of the package keeps its servers elsewhere: without this, a peer can abort the process.
 */
export function onSession(
  calls: GrpcServices,
  callback: (session: ServerHttp2Session) => void,
): void {
  const { http2Servers } = calls as unknown as WithServers;
  if (http2Servers === undefined || http2Servers.size === 0)
    throw new UsageError(
      "decisions.question: this version of @grpc/grpc-js does not show its sessions; install the one that package.json names",
    );
  for (const server of http2Servers.keys()) server.on("session", callback);
}
