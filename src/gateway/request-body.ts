import { type BodyFields, readRequestFields } from "../http/body-fields.ts";
import type { HeaderList } from "../http/field-lines.ts";
import type { ClientRequest } from "../node-http/client-request.ts";
import { GatheredBytes } from "../platform/gathered-bytes.ts";

/** What was read of a request's body before the request is forwarded. */
export interface ReceivedBody {
  /** What has come by now; it is sent on before the rest. */
  readonly bytes: Buffer;
  readonly fields: BodyFields;
  /** Set if the client stopped in the middle of it, or had to make room for others. */
  readonly brokenOff?: "stalled" | "crowded_out" | undefined;
}

/** How a body is read. */
export interface ReceiveOptions {
  readonly maxBytes: number;
  /** Takes who is to be told if the client stops in the middle. */
  readonly onStall: (listener: () => void) => void;
  /** Takes a place among bodies that are read, and who is to be told if another gets it; returns what frees it. */
  readonly takePlace: (onGivenAway: () => void) => () => void;
}

const nothing = Buffer.alloc(0);
const unreadable: BodyFields = { kind: "unreadable" };

/**
 * Reads a request's body, on the routes whose tokens or subjects are in it.
 *
 * Resolves as soon as there is more than `maxBytes` of it, or the client has left or stopped: then it can't
 * be read, and the rest is still to come.
 */
export function receiveBody(
  request: ClientRequest,
  headers: HeaderList,
  { maxBytes, onStall, takePlace }: ReceiveOptions,
): Promise<ReceivedBody> {
  const length = Number(headers.first("content-length") ?? 0);
  const gathered = new GatheredBytes();
  const received = (fields: BodyFields) => ({ bytes: gathered.bytes, fields });
  if (length > maxBytes) return Promise.resolve(received(unreadable));

  return new Promise((resolve) => {
    const settle = (fields: BodyFields, brokenOff?: ReceivedBody["brokenOff"]) => {
      request.off("data", take).off("end", end).off("close", leave);
      freePlace();
      resolve(brokenOff ? { bytes: nothing, fields, brokenOff } : received(fields));
    };
    const freePlace = takePlace(() => settle(unreadable, "crowded_out"));
    const take = (chunk: Buffer) => {
      gathered.add(chunk);
      if (gathered.length <= maxBytes) return;
      request.pause();
      settle(unreadable);
    };
    const end = () => settle(readRequestFields(gathered.bytes, headers));
    const leave = () => settle(unreadable);
    onStall(() => settle(unreadable, "stalled"));
    request.on("data", take).on("end", end).on("close", leave);
    if (request.destroyed) leave();
  });
}
