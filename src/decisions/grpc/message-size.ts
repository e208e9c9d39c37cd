/** Which fields of a message are messages, by their numbers, and which are bytes that may be long. */
export interface Shape {
  readonly [field: number]: Shape | "body";
}

/** What decoding a message makes work: bytes that are no body, and fields. */
export interface MessageSize {
  readonly bytes: number;
  readonly fields: number;
}

const wire = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;
const fixedBytes = { [wire.fixed64]: 8, [wire.fixed32]: 4 };

/**
 * Measures a message of protocol buffers before it is decoded: a header line takes two bytes there, and hundreds as an
 * object. Undefined if it can't be read (groups, which no message of today has, included).
 */
export function measureMessage(message: Uint8Array, shape: Shape): MessageSize | undefined {
  const size: Counted = { bytes: 0, fields: 0 };
  return addFields(message, shape, size) ? size : undefined;
}

function addFields(message: Uint8Array, shape: Shape, size: Counted): boolean {
  for (let at = 0; at < message.length; ) {
    const field = readField(message, at);
    if (field === undefined) return false;
    const inside = field.isDelimited ? shape[field.number] : undefined;
    size.fields += 1;
    size.bytes += (inside === undefined ? field.end : field.value) - at;
    if (typeof inside === "object") {
      if (!addFields(message.subarray(field.value, field.end), inside, size)) return false;
    }
    at = field.end;
  }
  return true;
}

interface Counted {
  bytes: number;
  fields: number;
}

/** Where a field's value begins and ends; undefined if that can't be read. */
function readField(message: Uint8Array, at: number) {
  const tag = readVarint(message, at);
  if (tag === undefined) return undefined;
  const [number, type] = [Math.floor(tag.value / 8), tag.value % 8];
  const isDelimited = type === wire.delimited;
  const length = isDelimited ? readVarint(message, tag.next) : undefined;
  const value = length?.next ?? tag.next;
  const end = isDelimited ? length && value + length.value : endOfNumber(message, type, value);
  if (end === undefined || end > message.length) return undefined;
  return { number, isDelimited, value, end };
}

function endOfNumber(message: Uint8Array, type: number, at: number): number | undefined {
  if (type === wire.varint) return readVarint(message, at)?.next;
  return type === wire.fixed64 || type === wire.fixed32 ? at + fixedBytes[type] : undefined;
}

interface Varint {
  readonly value: number;
  /** Where what follows begins. */
  readonly next: number;
}

/** Seven bits a byte, the lowest first; ten bytes at most. */
function readVarint(message: Uint8Array, at: number): Varint | undefined {
  let value = 0;
  for (let index = 0; index < 10; index += 1) {
    const byte = message[at + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, next: at + index + 1 };
  }
  return undefined;
}
