import type { IncomingMessage, ServerResponse } from "node:http";
import { startApplication, type TestApplication } from "./application.ts";
import type { Ending } from "./shared.ts";

/** The two framings of gRPC-Web, by their content types. */
export const webTypes = ["application/grpc-web+proto", "application/grpc-web-text"] as const;

/** A frame of gRPC-Web; `flags` 0x80: it holds trailers. */
export function webFrame(text: string, flags = 0): Buffer {
  const frame = Buffer.concat([Buffer.of(flags, 0, 0, 0, 0), Buffer.from(text)]);
  frame.writeUInt32BE(frame.length - 5, 1);
  return frame;
}

/** The frames of a body: messages as texts, and the trailers behind them. */
export function readWebBody(type: string, body: Buffer): { messages: string[]; trailers: string } {
  const bytes = isText(type) ? decode(body.toString("latin1")) : body;
  const messages: string[] = [];
  let trailers = "";
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    const text = bytes.toString("utf8", at + 5, end);
    if (bytes[at] === 0x80) trailers = text;
    else messages.push(text);
    at = end;
  }
  return { messages, trailers };
}

/**
 * Starts a service that speaks gRPC-Web over HTTP/1.1, as its messages plain text: `/demo.Shop/Me`, `/demo.Shop/Logout`, which
 * fails if it is told `fail`, and `/demo.Shop/Watch`, which never ends. A GET is answered with a page.
 */
export function startGrpcWebShop(t: Ending): Promise<TestApplication> {
  return startApplication(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => answer(request, response, Buffer.concat(chunks)));
  });
}

function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const type = request.headers["content-type"] ?? "";
  if (request.method !== "POST") {
    response.writeHead(200, { "Content-Type": "text/html" }).end("<title>shop</title>");
    return;
  }
  const write = (frame: Buffer) => response.write(isText(type) ? frame.toString("base64") : frame);
  const end = (status: string) => {
    write(webFrame(`grpc-status:${status}\r\nx-sum:5\r\n`, 0x80));
    response.end();
  };
  const [message = ""] = readWebBody(type, body).messages;
  response.writeHead(200, { "Content-Type": type });
  if (request.url === "/demo.Shop/Watch") write(webFrame("first"));
  else if (message === "fail") end("9\r\ngrpc-message:not now");
  else {
    write(webFrame(request.url === "/demo.Shop/Logout" ? "bye" : `me ${message}`));
    end("0");
  }
}

function isText(type: string): boolean {
  return type.includes("-text");
}

/** Pieces of base64, each with its own padding. */
function decode(text: string): Buffer {
  const pieces = text.match(/[^=]+=*/g) ?? [];
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
}
