import { type FieldLines, fieldValues } from "../../http/field-lines.ts";

/** Whether an answer is one of gRPC, which says in its trailers whether it was done. */
export function isGrpcAnswer(headers: FieldLines): boolean {
  return /^application\/grpc(?:[;+]|$)/i.test(typeOf(headers));
}

/** Whether it is one of gRPC-Web, which has the trailers at the end of its body. */
export function isGrpcWebAnswer(headers: FieldLines): boolean {
  return /^application\/grpc-web/i.test(typeOf(headers));
}

function typeOf(headers: FieldLines): string {
  return fieldValues(headers, "content-type")[0] ?? "";
}

/** The status of gRPC among header lines or trailers; undefined if there is not exactly one. */
export function grpcStatusIn(lines: FieldLines): number | undefined {
  const [status, ...more] = fieldValues(lines, "grpc-status");
  return status !== undefined && more.length === 0 && /^\d{1,3}$/.test(status)
    ? Number(status)
    : undefined;
}

/** The bit in the first byte of a frame by which it holds trailers. */
const trailersBit = 0x80;
const frameHead = 5;

/** The status in the body of an answer of gRPC-Web; undefined if that is not whole, or has none. */
export function grpcWebStatus(headers: FieldLines, body: Buffer | undefined): number | undefined {
  if (body === undefined) return undefined;
  const isText = /^application\/grpc-web-text/i.test(typeOf(headers));
  const bytes = isText ? decodePieces(body.toString("latin1")) : body;
  for (let at = 0; at + frameHead <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    const end = at + frameHead + length;
    if (end > bytes.length) return undefined;
    if (((bytes[at] ?? 0) & trailersBit) !== 0) {
      return grpcStatusIn(linesIn(bytes.toString("latin1", at + frameHead, end)));
    }
    at = end;
  }
  return undefined;
}

/** Each piece was encoded by itself, and ends with its padding. */
function decodePieces(text: string): Buffer {
  const pieces = text.match(/[^=]+=*/g) ?? [];
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
}

function linesIn(text: string): string[] {
  return text.split("\r\n").flatMap((line) => {
    const colon = line.indexOf(":");
    return colon === -1 ? [] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
}
