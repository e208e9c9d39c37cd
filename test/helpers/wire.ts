/** A field of a message of protocol buffers, by its number: a number, a text or bytes, another message, or several. */
export type Field = readonly [number: number, value: number | string | Buffer | readonly Field[]];

/** Writes a message from the numbers of its fields alone (protobuf.dev/programming-guides/encoding). */
export function wire(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === "number") return Buffer.concat([varint(number << 3), varint(value)]);
      const isText = typeof value === "string";
      const bytes = isText ? Buffer.from(value) : Buffer.isBuffer(value) ? value : wire(...value);
      return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
    }),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}
