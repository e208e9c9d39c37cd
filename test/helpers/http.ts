import { once } from "node:events";
import { writeSync } from "node:fs";
import http, { type IncomingHttpHeaders } from "node:http";
import https from "node:https";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly trailers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  /** The body as JSON, where it is an object. */
  readonly json: Record<string, unknown>;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string | readonly string[]>;
  readonly body?: string | Buffer;
  readonly agent?: http.Agent;
  readonly ca?: string;
  /** What the client shows, if it is asked for it. */
  readonly cert?: string;
  readonly key?: string;
}

/** Sends one request, on a connection of its own unless an agent is given, and reads the whole reply. */
export async function send(url: string, sent: Sent = {}): Promise<Reply> {
  const { request } = url.startsWith("https:") ? https : http;
  const { ca, cert, key } = sent;
  const outgoing = request(url, {
    method: sent.method ?? "GET",
    headers: {
      // Node's client leaves a body of OPTIONS or DELETE unframed unless it is told the length.
      ...(sent.body === undefined ? {} : { "Content-Length": Buffer.byteLength(sent.body) }),
      ...(sent.headers as http.OutgoingHttpHeaders),
    },
    agent: sent.agent ?? false,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert, key }),
  });
  // What happens behind the head of the response is seen while its body is read.
  outgoing.on("error", () => {});
  outgoing.end(sent.body);
  const [response] = (await once(outgoing, "response")) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    trailers: response.trailers,
    body,
    text: body.toString(),
    get json() {
      return JSON.parse(body.toString()) as Record<string, unknown>;
    },
  };
}

/** A connection whose bytes a test writes and reads itself. */
export interface RawConnection {
  readonly socket: Socket;
  write(text: string | Buffer): void;
  /** Everything received so far. */
  received(): string;
  /** Resolves when what was received matches. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when a text has been received so often. (A pattern that counts may take twice as long for each.) */
  untilTimes(word: string, times: number): Promise<true>;
  /** Resolves when the other side has closed, with everything received. */
  untilClosed(): Promise<string>;
}

export async function openRaw(t: Pick<TestContext, "after">, port: number): Promise<RawConnection> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  t.after(() => socket.destroy());
  let text = "";
  let closed = false;
  const changed = new Set<() => void>();
  const tell = () => {
    for (const listener of changed) listener();
  };
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    tell();
  });
  socket.on("error", () => {});
  for (const event of ["end", "close"]) {
    socket.on(event, () => {
      closed = true;
      tell();
    });
  }
  await once(socket, "connect");

  function wait<T>(look: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const listener = () => {
        const found = look();
        if (found !== undefined) resolve(found);
        else if (closed) reject(new Error(`closed while waiting for ${what}; received: ${text}`));
        else return;
        changed.delete(listener);
      };
      changed.add(listener);
      listener();
    });
  }
  return {
    socket,
    write: (data) => void socket.write(data, "latin1"),
    received: () => text,
    until: (pattern) => wait(() => pattern.exec(text) ?? undefined, String(pattern)),
    untilTimes: (word, times) =>
      wait(() => text.split(word).length > times || undefined, `${word}, ${times} times`),
    untilClosed: () => wait(() => (closed ? text : undefined), "the end"),
  };
}

/**
 * Sends some bytes every few milliseconds, until the other side closes.
 *
 * Not through the socket: a byte to a connection that has just been closed is an error of writing, for which Node drops
 * an answer that has not been read yet.
 */
export function keepSending(
  t: Pick<TestContext, "after">,
  { socket }: RawConnection,
  bytes = "x",
): void {
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } | null };
  const timer = setInterval(() => {
    if (handle === null || socket.destroyed) return;
    try {
      writeSync(handle.fd, bytes);
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      if (!["ECONNRESET", "EPIPE", "EAGAIN"].includes(code)) throw error;
    }
  }, 20);
  t.after(() => clearInterval(timer));
}

/** The statuses of all responses in a raw text. */
export function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
