import type { IncomingMessage } from "node:http";
import { type BodyFields, readRequestFields } from "../http/body-fields.ts";
import type { HeaderList } from "../http/field-lines.ts";
import { GatheredBytes } from "../platform/gathered-bytes.ts";

/** What was read of a request's body before the request is forwarded. */
export interface ReceivedBody {
  /** What has come by now; it is sent on before the rest. */
  readonly bytes: Buffer;
  readonly fields: BodyFields;
}

const unreadable: BodyFields = { kind: "unreadable" };

/**
 * Reads a request's body, on the routes whose tokens or subjects are in it.
 *
 * Resolves as soon as there is more than `mostBytes` of it, or the client has left: then it can't be read,
 * and the rest is still to come.
 */
export function receiveBody(
  request: IncomingMessage,
  headers: HeaderList,
  mostBytes: number,
): Promise<ReceivedBody> {
  const length = Number(headers.first("content-length") ?? 0);
  const gathered = new GatheredBytes();
  const received = (fields: BodyFields) => ({ bytes: gathered.bytes, fields });
  if (length > mostBytes) return Promise.resolve(received(unreadable));

  return new Promise((resolve) => {
    const settle = (fields: BodyFields) => {
      request.off("data", take).off("end", end).off("close", leave);
      resolve(received(fields));
    };
    const take = (chunk: Buffer) => {
      gathered.add(chunk);
      if (gathered.length <= mostBytes) return;
      request.pause();
      settle(unreadable);
    };
    const end = () => settle(readRequestFields(gathered.bytes, headers));
    const leave = () => settle(unreadable);
    request.on("data", take).on("end", end).on("close", leave);
    if (request.destroyed) leave();
  });
}
