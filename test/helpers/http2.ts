import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import type { Ending } from "./shared.ts";

/** What came back on a stream of HTTP/2. */
export interface Http2Reply {
  readonly status: number;
  /** As received: name and value alternating. */
  readonly fields: readonly string[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly trailers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: Buffer;
  /** The code of the RST_STREAM with which it ended; 0: it came to its end. */
  readonly reset: number;
}

/** Connects by prior knowledge, or over TLS by ALPN; the connection ends with the test. */
export async function connectHttp2(
  t: Ending,
  url: string,
  options: SecureClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const session = connect(url, options);
  session.on("error", () => {});
  t.after(() => session.destroy());
  await once(session, "connect");
  return session;
}

/** Begins a request; its body is left to the caller. */
export function begin(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
): ClientHttp2Stream {
  const hasNoBody = ["GET", "HEAD", "OPTIONS"].includes(String(headers[":method"] ?? "GET"));
  const stream = session.request(headers, { endStream: hasNoBody });
  stream.on("error", () => {});
  return stream;
}

/** Sends a request and reads the whole reply, or what there is of one when the stream has been reset. */
export async function sendHttp2(
  session: ClientHttp2Session,
  path: string,
  {
    method = "GET",
    headers = {},
    body,
  }: { method?: string; headers?: OutgoingHttpHeaders; body?: string | Buffer } = {},
): Promise<Http2Reply> {
  const all = { ":method": method, ":path": path, ...headers };
  const stream = session.request(all, { endStream: body === undefined });
  stream.on("error", () => {});
  const reply = readReply(stream);
  if (body !== undefined) stream.end(body);
  return reply;
}

/** Reads what comes on a stream until it closes. */
export async function readReply(stream: ClientHttp2Stream): Promise<Http2Reply> {
  const chunks: Buffer[] = [];
  let headers: Http2Reply["headers"] = {};
  let fields: readonly string[] = [];
  let trailers: Http2Reply["trailers"] = {};
  stream.on("response", (received, _flags, ...[raw]: readonly unknown[]) => {
    headers = received as Http2Reply["headers"];
    if (Array.isArray(raw)) fields = raw as string[];
  });
  stream.on("trailers", (received) => {
    trailers = received as Http2Reply["trailers"];
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  if (!stream.closed) await new Promise<void>((resolve) => stream.once("close", resolve));
  const reset = stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
  const status = Number(headers[":status"] ?? 0);
  const body = Buffer.concat(chunks);
  return { status, fields, headers, trailers, text: body.toString(), body, reset };
}
