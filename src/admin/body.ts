import type { IncomingMessage } from "node:http";
import { hasMoreThan } from "../http/max-things.ts";
import { GatheredBytes } from "../platform/gathered-bytes.ts";
import { createPlaces, type Place } from "../platform/places.ts";
import { BadRequest } from "./answer.ts";
import type { AdminExchange } from "./endpoint.ts";

const maxBodyBytes = 65_536;
const maxBodiesAtOnce = 64;

/** Reads the body of a request of that type as text; rejects with BadRequest. */
export type ReadBody = (exchange: AdminExchange, type: string) => Promise<string>;

/**
 * Makes the reader of one endpoint's bodies. It reads a bounded number at once; if there are more, a body
 * of the peer that sends the most is given up, so that bodies that stall keep no one out.
 */
export function createBodyReader(): ReadBody {
  const takePlace = createPlaces(() => maxBodiesAtOnce);

  return async (exchange, type) => {
    const { request, response, peer } = exchange;
    checkHead(request, type);
    const crowded = new BadRequest("too many bodies at once", { status: 503, error: "crowded" });
    let place: Place | undefined;
    const givenUp = new Promise<never>((_resolve, reject) => {
      place = takePlace(peer, () => reject(crowded));
      if (place === undefined) reject(crowded);
    });
    // Asked for only now: a refusal spares the client its body.
    const waits = request.headers.expect !== undefined && request.httpVersionMinor > 0;
    if (waits) response.writeContinue();
    try {
      return await Promise.race([readAll(request), givenUp]);
    } finally {
      place?.leave();
    }
  };
}

function checkHead({ headers }: IncomingMessage, type: string): void {
  const [sent = ""] = (headers["content-type"] ?? "").split(";", 1);
  if (sent.trim().toLowerCase() !== type) {
    throw new BadRequest(`expected Content-Type: ${type}`, { status: 415 });
  }
  // Not read at all, so that the answer still finds its way.
  if (Number(headers["content-length"] ?? 0) > maxBodyBytes) throw tooLong();
}

function tooLong(): BadRequest {
  return new BadRequest(`expected at most ${maxBodyBytes} bytes`, { status: 413 });
}

/** By listeners: leaving an iterator early would destroy the request, and its answer with it. */
function readAll(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const gathered = new GatheredBytes();
    request.on("data", (chunk: Buffer) => {
      if (gathered.length > maxBodyBytes) return;
      gathered.add(chunk);
      if (gathered.length > maxBodyBytes) reject(tooLong());
    });
    request.on("end", () => resolve(gathered.bytes.toString("utf8")));
    const broken = () => reject(new BadRequest("the body broke off"));
    request.on("error", broken);
    request.on("close", broken);
  });
}

/** No request of this port has more. */
const maxFields = 32;

/** Reads a form; rejects with BadRequest. */
export async function readForm(read: ReadBody, exchange: AdminExchange): Promise<URLSearchParams> {
  const text = await read(exchange, "application/x-www-form-urlencoded");
  // Counted first: sixty-four kilobytes of "a&" take ten milliseconds to be told apart.
  if (hasMoreThan(maxFields - 1, text, "&")) {
    throw new BadRequest(`expected at most ${maxFields} fields`);
  }
  return new URLSearchParams(text);
}
