import type { IncomingMessage } from "node:http";
import { type BodyFields, readRequestFields } from "../platform/body-fields.ts";
import type { HeaderList } from "../platform/header-list.ts";

/** What was read of a request's body before the request is forwarded. */
export interface ReceivedBody {
  /** What has come by now; it is sent on before the rest. */
  readonly chunks: readonly Buffer[];
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
  if (length > mostBytes) return Promise.resolve({ chunks: [], fields: unreadable });

  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (fields: BodyFields) => {
      request.off("data", take).off("end", end).off("close", leave);
      resolve({ chunks, fields });
    };
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= mostBytes) return;
      request.pause();
      settle(unreadable);
    };
    const end = () => settle(readRequestFields(Buffer.concat(chunks), headers));
    const leave = () => settle(unreadable);
    request.on("data", take).on("end", end).on("close", leave);
    if (request.destroyed) leave();
  });
}
