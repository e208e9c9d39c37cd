import { UpstreamError } from "../upstream-error.ts";

/** The error for what the application sent and HTTP/1.1 does not know. */
export function malformed(what: string): UpstreamError {
  return new UpstreamError("malformed", `the application sent ${what}`);
}

const settingsFrame = 4;
const frameHeaderBytes = 9;

/**
 * The error for bytes that begin no HTTP/1 response. A server that speaks HTTP/2 only says so with its first
 * bytes, a SETTINGS frame on stream 0 (RFC 9113 sections 3.4, 4.1 and 6.5).
 */
export function noHttp1(received: Buffer, at: number): UpstreamError {
  const head = received.subarray(at, at + frameHeaderBytes);
  const isSettings =
    head.length === frameHeaderBytes &&
    head[3] === settingsFrame &&
    head.readUIntBE(0, 3) % 6 === 0 &&
    head.readUInt32BE(5) === 0;
  return isSettings
    ? malformed(
        "an HTTP/2 SETTINGS frame: the application speaks HTTP/2 only, revgate sends it HTTP/1.1",
      )
    : malformed("a head that is not HTTP/1.1");
}

const start = Buffer.from("HTTP/1.");

/** Whether what was received can still become a response of HTTP/1. */
export function beginsHttp1(received: Buffer, at: number): boolean {
  const bytes = Math.min(start.length, received.length - at);
  return received.compare(start, 0, bytes, at, at + bytes) === 0;
}
