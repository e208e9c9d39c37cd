/** What a frame of a client's is besides its payload. */
export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly masked?: boolean;
  /** Reserved bits, such as 0x40 for a compressed message. */
  readonly reserved?: number;
}

const mask = [0x12, 0x34, 0x56, 0x78];

/** A frame as clients send it (RFC 6455 section 5.2). */
export function clientFrame(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = 1, fin = true, masked = true, reserved = 0 } = options;
  const data = Buffer.from(payload);
  const bit = masked ? 0x80 : 0;
  const lengths =
    data.length < 126
      ? [bit | data.length]
      : data.length < 65_536
        ? [bit | 126, data.length >> 8, data.length & 0xff]
        : [bit | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((by) => (data.length >> by) & 0xff)];
  const head = Buffer.from([(fin ? 0x80 : 0) | reserved | opcode, ...lengths]);
  if (!masked) return Buffer.concat([head, data]);
  const covered = data.map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  return Buffer.concat([head, Buffer.from(mask), covered]);
}
