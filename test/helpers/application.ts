import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Ending } from "./shared.ts";

/** An application behind revgate, as far as a test needs one. */
export interface TestApplication {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Every request that arrived, in order. */
  readonly seen: readonly IncomingMessage[];
}

/** Starts an application on a free port of loopback; it ends with the test. */
export async function startApplication(
  t: Ending,
  listener: RequestListener = (_request, response) => response.end("ok"),
): Promise<TestApplication> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  const port = await listenOnLoopback(t, server);
  return { url: `http://127.0.0.1:${port}`, port, server, seen };
}

/** Listens on a free port of loopback; the server and its connections end with the test. */
export async function listenOnLoopback(
  t: Ending,
  server: import("node:net").Server,
): Promise<number> {
  const sockets = new Set<import("node:net").Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
