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

/**
 * Measures a message of protocol buffers before it is decoded: a header line takes two bytes there, and hundreds as an
 * object. Undefined if it can't be read (groups, which no message of today has, included).
 */
export function measureMessage(message: Uint8Array, shape: Shape): MessageSize | undefined {
  const reader = new Reader(message);
  if (!reader.addFields(message.length, shape)) return undefined;
  return { bytes: reader.bytes, fields: reader.fields };
}

/** Goes through a message once; no object for a field, since there are dozens in each. */
class Reader {
  bytes = 0;
  fields = 0;
  readonly #message: Uint8Array;
  #at = 0;

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  /** Counts the fields up to `end`; false if they can't be read. */
  addFields(end: number, shape: Shape): boolean {
    while (this.#at < end) {
      const start = this.#at;
      const tag = this.#readVarint(end);
      const type = tag % 8;
      const length = type === wire.delimited ? this.#readVarint(end) : this.#lengthOf(type, end);
      const next = this.#at + length;
      // NaN is not within it either.
      if (!(next <= end)) return false;
      const inside = type === wire.delimited ? shape[Math.floor(tag / 8)] : undefined;
      this.fields += 1;
      this.bytes += (inside === undefined ? next : this.#at) - start;
      if (typeof inside === "object" && !this.addFields(next, inside)) return false;
      this.#at = next;
    }
    return true;
  }

  /** How many bytes of a number are left; NaN if it can't be one. */
  #lengthOf(type: number, end: number): number {
    if (type === wire.varint) return Number.isNaN(this.#readVarint(end)) ? Number.NaN : 0;
    if (type === wire.fixed64) return 8;
    return type === wire.fixed32 ? 4 : Number.NaN;
  }

  /** Seven bits a byte, the lowest first; ten bytes at most. NaN if it does not end. */
  #readVarint(end: number): number {
    let value = 0;
    for (let index = 0; index < 10 && this.#at < end; index += 1) {
      const byte = this.#message[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  }
}
