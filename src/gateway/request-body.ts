import type { BodyFields } from "../http/body-fields.ts";
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

/** What has come of a body, before it is read. */
export interface GatheredBody {
  readonly bytes: Buffer;
  /** Whether that is all of it. */
  readonly isWhole: boolean;
  readonly brokenOff?: ReceivedBody["brokenOff"];
}

/** How a body is gathered. */
export interface GatherOptions {
  readonly maxBytes: number;
  /** Takes who is to be told if the client stops in the middle. */
  readonly onStall: (listener: () => void) => void;
  /** Takes a place among bodies that are read, and who is to be told if another gets it; returns what frees it. */
  readonly takePlace: (onGivenAway: () => void) => () => void;
  /** Waits until a whole body may be read; resolves to false if it had to make room for others. */
  readonly waitForTurn: () => true | Promise<boolean>;
}

const nothing = Buffer.alloc(0);

/**
 * Gathers a request's body, on the routes whose tokens or subjects are in it, and keeps its place until it may be read.
 *
 * Resolves as soon as there is more than `maxBytes` of it, or the client has left or stopped: then it can't
 * be read, and the rest is still to come. Read it at once: its turn is that of the callback that resolves this.
 */
export function gatherBody(
  request: ClientRequest,
  headers: HeaderList,
  { maxBytes, onStall, takePlace, waitForTurn }: GatherOptions,
): Promise<GatheredBody> {
  const length = Number(headers.first("content-length") ?? 0);
  const gathered = new GatheredBytes();
  if (length > maxBytes) return Promise.resolve({ bytes: nothing, isWhole: false });

  return new Promise((resolve) => {
    const stopListening = () => request.off("data", take).off("end", end).off("close", leave);
    const settle = (isWhole: boolean) => {
      stopListening();
      freePlace();
      resolve({ bytes: gathered.bytes, isWhole });
    };
    const breakOff = (brokenOff: ReceivedBody["brokenOff"]) => {
      stopListening();
      freePlace();
      resolve({ bytes: nothing, isWhole: false, brokenOff });
    };
    const freePlace = takePlace(() => breakOff("crowded_out"));
    const take = (chunk: Buffer) => {
      gathered.add(chunk);
      if (gathered.length <= maxBytes) return;
      request.pause();
      settle(false);
    };
    const takeTurn = (hasTurn: boolean) => (hasTurn ? settle(true) : breakOff("crowded_out"));
    const end = () => {
      // A request closes when it has ended.
      stopListening();
      const turn = waitForTurn();
      if (turn === true) settle(true);
      else void turn.then(takeTurn);
    };
    const leave = () => settle(false);
    onStall(() => breakOff("stalled"));
    request.on("data", take).on("end", end).on("close", leave);
    if (request.destroyed) leave();
  });
}
