import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { ProxyRequest, ProxyResponse } from "../../src/node-http/http-messages.ts";
import type { WholeAnswer } from "../../src/node-http/whole-answers.ts";
import { listenOnLoopback } from "./application.ts";
import { openRaw } from "./http.ts";

/** A server whose messages are the proxy's own. */
export const classes = { IncomingMessage: ProxyRequest, ServerResponse: ProxyResponse };

/** A request whose connection is kept, and one that ends it. */
export const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
export const last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/** What clients send on one connection; the last request ends it. */
export const requests: Record<string, string> = {
  "one request and another": `${get}${last}`,
  "ten at once": `${get.repeat(10)}${last}`,
  HEAD: `HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${last}`,
  "one with a body that nobody reads": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${last}`,
  "one with a chunked body": `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n${last}`,
  "one with an empty body": `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n${last}`,
  "one that waits for 100 Continue":
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
  "HTTP/1.0": "GET / HTTP/1.0\r\n\r\n",
  "HTTP/1.0 that is kept": `GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${last}`,
};

const hello = Buffer.from("hello");

export function answerOf(more: readonly string[] = [], bytes: Buffer = hello): WholeAnswer {
  const body = bytes.toString("latin1");
  const headers = ["Content-Type", "text/plain", "content-length", String(body.length), ...more];
  return { status: 200, reason: "OK", headers, body };
}

/** What they are answered. */
export const answers: Record<string, WholeAnswer> = {
  "a short answer": answerOf(),
  "an empty one": answerOf([], Buffer.alloc(0)),
  "one with a date of its own": answerOf(["DATE", "yesterday"]),
  "bytes beyond ASCII": answerOf(["X-Name", "caf\xe9"], Buffer.from([0, 0xe9, 0xff, 0x80])),
  "another reason": { ...answerOf(), status: 299, reason: "Wh\xff not" },
  "a long one": answerOf([], Buffer.alloc(100_000, "é")),
  "one as long as goes at once, and a byte": answerOf([], Buffer.alloc(16_384, "x")),
  "one that does not say how long it is": { ...answerOf(), headers: ["X-A", "b"] },
};

/** Has a server answer all requests in one way. */
export type Answering = (server: ReturnType<typeof createServer>, answer: WholeAnswer) => void;

/** What a client receives until its connection ends, which its last request asks for; the date made equal. */
export async function receive(
  t: TestContext,
  { sent, keepAliveTimeout = 5000 }: { sent: string; keepAliveTimeout?: number },
  answer: WholeAnswer,
  answering?: Answering,
): Promise<string> {
  const server = createServer({
    keepAliveTimeout,
    ...(answering && classes),
  }) as unknown as ReturnType<typeof createServer>;
  (answering ?? asNode)(server, answer);
  const connection = await openRaw(t, await listenOnLoopback(t, server));
  connection.write(sent);
  const received = await connection.untilClosed();
  return received.replaceAll(/\r\nDate: \w{3}, [^\r]* GMT\r\n/g, "\r\nDate: then\r\n");
}

function asNode(
  server: ReturnType<typeof createServer>,
  { status, reason, headers, body }: WholeAnswer,
): void {
  const listener = (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, reason, [...headers]).end(body, "latin1");
  };
  for (const event of ["request", "checkContinue"]) server.on(event, listener);
}
