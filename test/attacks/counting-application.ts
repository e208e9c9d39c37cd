import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { listenOnLoopback } from "../helpers/application.ts";

/** A request as the application took it off the wire. */
export interface CountedRequest {
  readonly line: string;
  /** `name: value`, the name in lower case. */
  readonly headers: readonly string[];
}

/** An application that counts requests by reading bytes itself, by RFC 9112 section 6.3 and nothing else. */
export interface CountingApplication {
  readonly url: string;
  readonly requests: CountedRequest[];
}

export async function startCountingApplication(
  t: Pick<TestContext, "after">,
): Promise<CountingApplication> {
  const requests: CountedRequest[] = [];
  const server = createServer((socket) => count(socket, requests));
  const port = await listenOnLoopback(t, server);
  return { url: `http://127.0.0.1:${port}`, requests };
}

function count(socket: Socket, requests: CountedRequest[]): void {
  let text = "";
  let request: CountedRequest | undefined;
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    while (takeHead() && takeBody());
  });

  function takeHead(): boolean {
    if (request !== undefined) return true;
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) return false;
    request = readHead(text.slice(0, end));
    requests.push(request);
    text = text.slice(end + 4);
    return true;
  }

  function takeBody(): boolean {
    if (request === undefined) return false;
    const length = bodyLength(request, text);
    if (length === undefined || text.length < length) return false;
    text = text.slice(length);
    // Which request an answer is for can be seen in it.
    const [method, target = ""] = request.line.split(" ");
    const body = method === "HEAD" ? "" : target;
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${body}`, "latin1");
    request = undefined;
    return true;
  }
}

function readHead(head: string): CountedRequest {
  const [line = "", ...lines] = head.split("\r\n");
  const headers = lines.map((header) => {
    const colon = header.indexOf(":");
    return `${header.slice(0, colon).toLowerCase()}:${header.slice(colon + 1)}`;
  });
  return { line, headers };
}

/** How many characters of the text are this request's body; undefined while its end has not come. */
function bodyLength({ headers }: CountedRequest, text: string): number | undefined {
  if (headers.some((header) => /^transfer-encoding:.*chunked/i.test(header))) {
    return chunkedLength(text);
  }
  const length = headers.find((header) => header.startsWith("content-length:"));
  return Number(length?.slice("content-length:".length) ?? 0);
}

function chunkedLength(text: string): number | undefined {
  for (let at = 0; ; ) {
    const end = text.indexOf("\r\n", at);
    if (end === -1) return undefined;
    const size = Number.parseInt(text.slice(at, end), 16);
    if (size === 0) {
      if (text.startsWith("\r\n", end + 2)) return end + 4;
      const trailers = text.indexOf("\r\n\r\n", end);
      return trailers === -1 ? undefined : trailers + 4;
    }
    at = end + 2 + size + 2;
  }
}
