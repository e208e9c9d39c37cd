import { connect, createServer, type Socket } from "node:net";
import { listenOnLoopback } from "./application.ts";
import type { Ending } from "./shared.ts";
import { until } from "./until.ts";

/** Frame types of RFC 9113 section 6. */
export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

/** Flags of frames, those that tests use. */
export const flags = { endStream: 1, ack: 1, endHeaders: 4, padded: 8 } as const;

/** One frame as it is sent. */
export function frame(
  type: number,
  flag: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flag, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A number as the payload of a frame. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A setting as the payload of a SETTINGS frame. */
export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

export type Fields = readonly (readonly [name: string, value: string])[];

/** A header block of literal fields that are not indexed (RFC 7541 section 6.2.2), one byte a character. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(bytes.length, 7, 0), bytes]);
}

/** An integer with a prefix of so many bits (RFC 7541 section 5.1). */
export function integer(value: number, bits: number, above: number): Buffer {
  const max = 2 ** bits - 1;
  if (value < max) return Buffer.of(above | value);
  const bytes = [above | max];
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** The pseudo-header fields of a plain GET. */
export function get(path: string, more: Fields = []): Fields {
  return [[":method", "GET"], [":scheme", "http"], [":path", path], [":authority", "a"], ...more];
}

/** A frame that was received. */
export interface Received {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A connection of HTTP/2 whose frames a test writes and reads itself. */
export interface FrameConnection {
  readonly socket: Socket;
  readonly received: readonly Received[];
  readonly closed: boolean;
  write(...frames: readonly Buffer[]): void;
  /** Resolves with the first frame of which that is true. */
  until(isIt: (frame: Received) => boolean): Promise<Received>;
  untilClosed(): Promise<void>;
  /** The code of the GOAWAY that came; undefined if none did. */
  readonly goaway: number | undefined;
}

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Connects, from another address of loopback if there is one, and sends the preface and SETTINGS unless told otherwise. */
export async function openFrames(
  t: Ending,
  port: number,
  first: Buffer = Buffer.concat([preface, frame(types.settings, 0, 0)]),
  localAddress?: string,
): Promise<FrameConnection> {
  const socket = connect({
    ...{ port, host: "127.0.0.1", noDelay: true },
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  t.after(() => socket.destroy());
  const received: Received[] = [];
  let closed = false;
  readFrames(socket, (one) => received.push(one));
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
  });
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write(first);
  return {
    socket,
    received,
    get closed() {
      return closed;
    },
    write: (...frames) => void socket.write(Buffer.concat(frames)),
    async until(isIt) {
      await until(() => received.some(isIt) || closed);
      const found = received.find(isIt);
      if (found === undefined) throw new Error(`closed; received: ${describe(received)}`);
      return found;
    },
    untilClosed: () => until(() => closed),
    get goaway() {
      return received.find(({ type }) => type === types.goaway)?.payload.readUInt32BE(4);
    },
  };
}

/** Calls back with each frame that comes, behind so many bytes. */
function readFrames(socket: Socket, onFrame: (frame: Received) => void, behind = 0): void {
  let rest: Buffer = Buffer.alloc(0);
  let skipped = 0;
  socket.on("data", (chunk: Buffer) => {
    const skip = Math.min(behind - skipped, chunk.length);
    skipped += skip;
    rest = Buffer.concat([rest, chunk.subarray(skip)]);
    for (;;) {
      const length = rest.length < 9 ? Number.POSITIVE_INFINITY : rest.readUIntBE(0, 3);
      if (rest.length < 9 + length) return;
      onFrame({
        type: rest.readUInt8(3),
        flags: rest.readUInt8(4),
        stream: rest.readUInt32BE(5),
        payload: rest.subarray(9, 9 + length),
      });
      rest = rest.subarray(9 + length);
    }
  });
}

/** Starts an application whose frames a test writes itself: `talk` is called with each that comes. Returns its URL. */
export async function startFrameApplication(
  t: Ending,
  talk: (received: Received, socket: Socket) => void,
): Promise<string> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.write(frame(types.settings, 0, 0));
    const onFrame = (received: Received) => {
      const isSettings = received.type === types.settings && received.flags === 0;
      if (isSettings) socket.write(frame(types.settings, flags.ack, 0));
      talk(received, socket);
    };
    readFrames(socket, onFrame, preface.length);
  });
  return `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
}

/** Frames in short, for messages. */
export function describe(frames: readonly Received[]): string {
  return frames.map(({ type, flags, stream }) => `${type}/${flags}#${stream}`).join(" ");
}
