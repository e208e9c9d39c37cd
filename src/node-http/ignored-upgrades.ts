import type { IncomingMessage, Server } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { eachField } from "../http/field-lines.ts";
import { asksForWebSocket } from "../http/upgrade.ts";
import { giveBack } from "./client-connections.ts";
import { lineOf } from "./in-order.ts";

/**
 * Whether a request asks for another protocol than WebSocket. A request of which Node has dropped header
 * lines is none: no one could write its head again.
 */
export function isIgnoredUpgrade(request: IncomingMessage, maxLines: number | null): boolean {
  const { method, rawHeaders } = request;
  if (method === "CONNECT" || asksForWebSocket(rawHeaders)) return false;
  return maxLines === null || rawHeaders.length / 2 < maxLines;
}

/** A request for which Node has let go of its connection. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the client sent behind the head of the request. */
  readonly head: Buffer;
}

/**
 * Serves a request that asks for another protocol than WebSocket as though it had not asked. False: it is
 * no such request.
 *
 * Node gives up HTTP on a connection at each `Upgrade`; without a listener for that it reads on, but drops
 * what came behind the request in the same packet. So the head is put back, without `Upgrade`, before what
 * came behind it, and the server is given the connection again: its parser then sees a request like any
 * other, its body and those that follow. If an earlier request is still being answered, it waits.
 */
export function serveWithoutUpgrade(
  server: Server,
  { request, socket, head }: UpgradeRequest,
): boolean {
  if (!(socket instanceof Socket)) return false;
  if (!isIgnoredUpgrade(request, server.maxHeadersCount)) return false;
  // At once: nothing can be put back behind the end.
  socket.unshift(Buffer.concat([headWithoutUpgrade(request), head]));
  const before = lineOf(socket).current;
  // Node listens to it no more, and not yet again.
  const onError = () => socket.destroy();
  socket.on("error", onError);
  const goOn = () => {
    if (before !== undefined && !(before.finished && before.keepsConnection)) {
      // Behind the last answer of a connection nothing counts.
      socket.destroySoon();
      return;
    }
    socket.off("error", onError);
    // Node's own, for an idle connection, of which nothing would remind it.
    socket.setTimeout(0);
    giveBack(server, socket);
  };
  if (before === undefined || before.finished) goOn();
  else before.onClose(goOn);
  return true;
}

/** No longer than it was: there is a limit on that. */
function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (const [name, value] of eachField(rawHeaders)) {
    if (name.toLowerCase() !== "upgrade") lines.push(`${name}:${value}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}
