import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";

/** A WebSocket, as far as the demo needs one: Node 20 has no client of its own. */
export interface DemoSocket {
  /** Resolves when the other side closes it, with its code and reason; without a close frame, code 1006. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** Opens a WebSocket with a token; rejects if it is refused. */
export async function openWebSocket(url: string, token: string): Promise<DemoSocket> {
  const opening = request(url, {
    headers: {
      ...{ token, connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
      "sec-websocket-key": randomBytes(16).toString("base64"),
    },
  });
  opening.end();
  const refused = once(opening, "response").then(([{ statusCode }]) => {
    throw new Error(`refused with ${statusCode}`);
  });
  const [, socket, head] = (await Promise.race([once(opening, "upgrade"), refused])) as [
    IncomingMessage,
    Duplex,
    Buffer,
  ];
  return { closed: readClose(socket, head) };
}

async function readClose(socket: Duplex, head: Buffer) {
  socket.on("error", () => {});
  let bytes = head;
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  // However it ends: a reset has no end of its own.
  socket.once("end", () => socket.destroy());
  await new Promise((resolve) => socket.once("close", resolve));
  // A server's frames are short here, and not masked: opcode, length, payload.
  for (let at = 0; at + 1 < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) {
    if (bytes[at] !== 0x88) continue;
    const payload = bytes.subarray(at + 2, at + 2 + (bytes[at + 1] ?? 0));
    return { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString() };
  }
  return { code: 1006, reason: "" };
}
