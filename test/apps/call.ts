import { type Reply, send } from "../helpers/http.ts";

/** What a client asks for. */
export interface Request {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly cookie?: string | undefined;
  readonly body?: object | Buffer;
}

/** Asks as clients of the applications do: with a bearer token, and JSON or bytes. */
export function call(
  url: string,
  path: string,
  { method = "GET", token, cookie, body }: Request = {},
): Promise<Reply> {
  const isBytes = Buffer.isBuffer(body);
  const type = isBytes ? "application/octet-stream" : "application/json";
  return send(`${url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(cookie !== undefined && { cookie }),
      ...(body !== undefined && { "content-type": type }),
    },
    ...(body !== undefined && { body: isBytes ? body : JSON.stringify(body) }),
  });
}

/** Asks again while revgate can't say: on a busy machine Redis's word may be late. Not for what must not be done twice. */
export async function answered(...asked: Parameters<typeof call>): Promise<Reply> {
  for (;;) {
    const reply = await call(...asked);
    if (reply.status !== 503) return reply;
  }
}

/** What each of some revgates says to a request: that its token lives, or why not. */
export async function standings(
  urls: readonly string[],
  path: string,
  request: Request,
): Promise<readonly string[]> {
  const said = await Promise.all(urls.map((url) => answered(url, path, request)));
  return said.map(({ status, json }) => (status === 200 ? "lives" : String(json["error"])));
}
