import type { FieldLines } from "../../http/field-lines.ts";
import { malformed } from "./malformed.ts";

/** What a head says of where its message ends, and of the connection behind it. */
export interface Framing {
  length: number | undefined;
  chunked: boolean;
  closes: boolean;
  keepsAlive: boolean;
  /** Seconds for which the other side says that it keeps the connection (its `Keep-Alive: timeout`). */
  keepAliveSeconds: number | undefined;
}

/** Below 10^15; leading zeros mean nothing. */
const lengthSyntax = /^0*\d{1,15}$/;

/**
 * Reads the framing from a field section (RFC 9112 sections 6 and 9).
 *
 * Throws an UpstreamError if it has a second reading: two lengths, two codings, a coding other than `chunked`.
 */
export function readFraming(headers: FieldLines): Framing {
  const framing: Framing = {
    length: undefined,
    chunked: false,
    closes: false,
    keepsAlive: false,
    keepAliveSeconds: undefined,
  };
  for (let i = 0; i < headers.length; i += 2) {
    // Most names are told apart by their length alone.
    const { length } = headers[i] ?? "";
    if (length === 10) readConnection(framing, headers[i] ?? "", headers[i + 1] ?? "");
    else if (length === 14 || length === 17) {
      readLength(framing, headers[i] ?? "", headers[i + 1] ?? "");
    }
  }
  return framing;
}

function readLength(framing: Framing, name: string, value: string): void {
  const lower = name.toLowerCase();
  if (lower === "content-length") {
    if (framing.length !== undefined || !lengthSyntax.test(value)) throw malformed("no one length");
    framing.length = Number(value);
  } else if (lower === "transfer-encoding") {
    if (framing.chunked) throw malformed("two transfer codings");
    if (!isChunked(value)) throw malformed("an unknown transfer coding");
    framing.chunked = true;
  }
}

/** Empty elements of a list mean nothing (RFC 9110 section 5.6.1): `chunked,` is `chunked`. */
function isChunked(value: string): boolean {
  if (value === "chunked") return true;
  const codings = value.split(",").map((coding) => coding.trim().toLowerCase());
  const named = codings.filter((coding) => coding !== "");
  return named.length === 1 && named[0] === "chunked";
}

function readConnection(framing: Framing, name: string, value: string): void {
  const lower = name.toLowerCase();
  if (lower === "connection") {
    if (/(?:^|,)[\t ]*close[\t ]*(?:,|$)/i.test(value)) framing.closes = true;
    else if (/(?:^|,)[\t ]*keep-alive[\t ]*(?:,|$)/i.test(value)) framing.keepsAlive = true;
  } else if (lower === "keep-alive") {
    const [, seconds] = /(?:^|[,;\t ])timeout=(\d{1,6})/i.exec(value) ?? [];
    if (seconds !== undefined) framing.keepAliveSeconds = Number(seconds);
  }
}
