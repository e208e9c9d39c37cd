import { type FieldLines, fieldValues, writeFields } from "./field-lines.ts";

/** Statuses of gRPC that revgate gives (https://grpc.io/docs/guides/status-codes/). */
export const grpcStatus = {
  invalidArgument: 3,
  resourceExhausted: 8,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const grpcType = /^application\/grpc(?:[+;].*)?$/i;
const webType = /^application\/grpc-web(-text)?(?:[+;].*)?$/i;

/** How a call is made: over HTTP/2, or by gRPC-Web, in bytes or in base64. */
export type GrpcForm = "http2" | GrpcWebForm;
/** What a call of gRPC-Web may be. */
export type GrpcWebForm = "web" | "web-text";

/** The form of gRPC-Web that a content type names; undefined: none. */
export function grpcWebForm(contentType: string | undefined): GrpcWebForm | undefined {
  const found = webType.exec(contentType ?? "");
  if (found === null) return undefined;
  return found[1] === undefined ? "web" : "web-text";
}

/** A body of gRPC-Web that is nothing but its trailers, one byte a character. */
export function writeWebTrailers(trailers: FieldLines, form: GrpcWebForm): string {
  const text = Buffer.from(writeFields(trailers), "latin1");
  const frame = Buffer.concat([Buffer.of(0x80, 0, 0, 0, 0), text]);
  frame.writeUInt32BE(text.length, 1);
  return frame.toString(form === "web" ? "latin1" : "base64");
}

/** Whether a content type is that of gRPC over HTTP/2 (and not of gRPC-Web). */
export function isGrpcType(contentType: string | undefined): boolean {
  return contentType !== undefined && grpcType.test(contentType);
}

const unitsMs: Readonly<Record<string, number>> = {
  ...{ H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 },
};

/** The time that a client gives its call (`grpc-timeout`), in milliseconds that a timer can wait; undefined: no deadline. */
export function grpcTimeoutMs(value: string | undefined): number | undefined {
  const [, amount, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(value ?? "") ?? [];
  const unitMs = unitsMs[unit];
  return unitMs === undefined ? undefined : Math.min(Number(amount) * unitMs, 2 ** 31 - 1);
}

/** A text as `grpc-message` carries it: percent-encoded UTF-8. */
export function encodeGrpcMessage(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

/**
 * The value of `grpc-status-details-bin`: a `google.rpc.Status` with one `google.rpc.ErrorInfo`, whose reason is
 * the error of docs/errors.md.
 */
export function encodeGrpcDetails(code: number, message: string, reason: string): string {
  const info = Buffer.concat([field(1, reason), field(2, "revgate")]);
  const any = Buffer.concat([field(1, "type.googleapis.com/google.rpc.ErrorInfo"), field(2, info)]);
  const status = [Buffer.of(8, code), field(2, message), field(3, any)];
  return Buffer.concat(status).toString("base64").replace(/=+$/, "");
}

/** A length-delimited field of protocol buffers. */
function field(number: number, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string);
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  return Buffer.concat([Buffer.of((number << 3) | 2, ...length, rest), bytes]);
}

/** Whether an answer is one of gRPC, in either form. */
export function isGrpcAnswer(headers: FieldLines): boolean {
  const type = contentTypeOf(headers);
  return isGrpcType(type) || webType.test(type);
}

/** The trailers that stand in the body of an answer of gRPC-Web, in its last frame; none if that is not whole. */
export function trailersInBody(headers: FieldLines, body: Buffer): FieldLines {
  const [, text] = webType.exec(contentTypeOf(headers)) ?? [];
  const bytes = text === undefined ? body : decodeText(body);
  let at = 0;
  while (at + 5 <= bytes.length) {
    const length = bytes.readUInt32BE(at + 1);
    const end = at + 5 + length;
    if (end > bytes.length) return [];
    if ((bytes[at] ?? 0) & 0x80) return linesOf(bytes.toString("latin1", at + 5, end));
    at = end;
  }
  return [];
}

/** Pieces of base64, each with its own padding. */
function decodeText(body: Buffer): Buffer {
  const pieces = body.toString("latin1").match(/[^=]+=*/g) ?? [];
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
}

function linesOf(text: string): FieldLines {
  return text.split("\r\n").flatMap((line) => {
    const colon = line.indexOf(":");
    return colon === -1 ? [] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
}

function contentTypeOf(headers: FieldLines): string {
  return fieldValues(headers, "content-type")[0]?.trim() ?? "";
}
