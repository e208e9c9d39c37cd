import { Transform, type Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as ws from "ws";
import { GatheredBytes } from "../platform/gathered-bytes.ts";
import { FrameTracker } from "./frame-tracker.ts";

/** A whole message of a WebSocket's client, put together from its frames. */
export interface ClientMessage {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/**
 * Passes a message on, keeps it with what comes next, or lets nothing pass any more. `pass_alone` passes one before the
 * first `pass`, and `pass_last` one after which nothing passes.
 */
export type Ruling = "pass" | "pass_alone" | "pass_last" | "keep" | "stop";

/** What a client can do that ends its connection. */
export type BrokenMessage = "too_large" | "malformed";

/** How a client's messages are watched. */
export interface MessageGateOptions {
  /** Max size of a message. */
  readonly maxMessageBytes: number;
  /** Max size of what is kept before the first message passes, and how many frames. */
  readonly maxKept: { readonly bytes: number; readonly frames: number };
  /** Whether messages may pass from the start; if not, nothing does before the first `pass`. */
  readonly isOpen: boolean;
  readonly judge: (message: ClientMessage) => Ruling | Promise<Ruling>;
  /** The client broke the protocol, or sent too much: nothing passes any more. */
  readonly onBroken: (how: BrokenMessage) => void;
  /** The client closes before anything has passed. */
  readonly onClosed: () => void;
  /** Told how many bytes are kept of what has not passed, whenever the client has sent something. */
  readonly onKept: (bytes: number) => void;
}

/** Frames of one message; a smaller one would take more memory for each than it has bytes. */
const maxFragments = 1024;
/** Of a frame that is not a message's part, and of any frame's head. */
const [maxControlBytes, maxFrameHead] = [125, 14];
/** What frames add to the bytes of a message. */
const maxAround = 2 * maxFragments * (maxFrameHead + maxControlBytes);
/** Frames that are read before others have their turn: a packet may have ten thousand, and each may be judged. */
const framesInTurn = 64;
/** The first of those that control the connection. */
const closeOpcode = 8;

interface ReceiverOptions {
  readonly isServer: boolean;
  readonly maxPayload: number;
  readonly maxFragments: number;
}

// Its types leave it out.
const { Receiver } = ws as unknown as { Receiver: new (options: ReceiverOptions) => Writable };

/**
 * Lets the messages of a WebSocket's client through one by one, each when it has been judged, byte for byte as they
 * came. The receiver of `ws` reads them; no extension may have been negotiated.
 *
 * Frames between those of a message wait with it. What is not whole when the client closes is dropped.
 */
export function createMessageGate(options: MessageGateOptions): Transform {
  const gate: Transform = new Transform({
    transform(chunk: Buffer, ...[, done]) {
      messages.read(chunk).then(() => done(), done);
    },
  });
  const messages = new Messages(options, (bytes) => gate.push(bytes));
  return gate;
}

/** What has been read and has not passed. */
class Messages {
  readonly #options: MessageGateOptions;
  readonly #pass: (bytes: Buffer) => void;
  readonly #frames = new FrameTracker();
  readonly #receiver: Writable;
  #kept = new GatheredBytes();
  #keptFrames = 0;
  /** Where in it the frame begins that is being read. */
  #frameStart = 0;
  /** The one that this frame has completed. */
  #message: ClientMessage | undefined;
  #isInMessage = false;
  #readInTurn = 0;
  #isOpen: boolean;
  #ended = false;

  constructor(options: MessageGateOptions, pass: (bytes: Buffer) => void) {
    this.#options = options;
    this.#pass = pass;
    this.#isOpen = options.isOpen;
    const maxPayload = options.maxMessageBytes;
    this.#receiver = new Receiver({ isServer: true, maxPayload, maxFragments });
    this.#receiver.on("message", (data: Buffer, isBinary: boolean) => {
      this.#message = { data, isBinary };
    });
    // The writer is told.
    this.#receiver.on("error", () => {});
  }

  async read(chunk: Buffer): Promise<void> {
    try {
      for (let at = 0; at < chunk.length && !this.#ended; ) {
        const start = at;
        at = this.#frames.readFrame(chunk, start);
        await this.#readPart(chunk.subarray(start, at));
        this.#readInTurn += 1;
        if (this.#readInTurn % framesInTurn === 0) await nextTurn();
      }
    } catch (error) {
      const broken = brokenBy(error);
      this.#end(() => this.#options.onBroken(broken));
    }
    this.#options.onKept(this.#kept.length);
  }

  async #readPart(part: Buffer): Promise<void> {
    this.#kept.add(part);
    const { betweenFrames: isWhole, bytesLeft } = this.#frames;
    if (isWhole) this.#keptFrames += 1;
    const { bytes, frames } = this.#limits;
    if (this.#kept.length + bytesLeft > bytes || this.#keptFrames > frames) {
      this.#end(() => this.#options.onBroken("too_large"));
    } else if (isWhole) await this.#endFrame();
  }

  /** Frames between those of a message are not the receiver's to count. */
  get #limits(): MessageGateOptions["maxKept"] {
    const { maxKept, maxMessageBytes } = this.#options;
    if (!this.#isOpen) return maxKept;
    return { bytes: maxMessageBytes + maxAround, frames: 2 * maxFragments };
  }

  async #endFrame(): Promise<void> {
    const frame = this.#kept.bytes.subarray(this.#frameStart);
    // The receiver takes the mask off in place.
    await write(this.#receiver, Buffer.from(frame));
    this.#frameStart = this.#kept.length;
    const opcode = (frame[0] ?? 0) & 0x0f;
    const message = this.#message;
    this.#message = undefined;
    if (opcode === closeOpcode) this.#close(frame);
    else if (message !== undefined) await this.#rule(message);
    else if (opcode < closeOpcode) this.#isInMessage = true;
    else if (this.#isOpen && !this.#isInMessage) this.#release();
  }

  async #rule(message: ClientMessage): Promise<void> {
    this.#isInMessage = false;
    const ruling = await this.#options.judge(message);
    if (ruling === "keep") return;
    if (ruling !== "stop") this.#release(ruling === "pass_alone" ? this.#isOpen : true);
    if (ruling === "stop" || ruling === "pass_last") this.#end();
  }

  #close(frame: Buffer): void {
    if (this.#isOpen) {
      this.#pass(frame);
      this.#end();
    } else this.#end(this.#options.onClosed);
  }

  #release(isOpen = true): void {
    this.#pass(this.#kept.bytes);
    this.#drop();
    this.#isOpen = isOpen;
  }

  #drop(): void {
    this.#kept = new GatheredBytes();
    this.#keptFrames = 0;
    this.#frameStart = 0;
  }

  #end(tell?: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#drop();
    tell?.();
  }
}

function write(receiver: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    receiver.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** What the receiver objects to; anything else is not the client's fault. */
function brokenBy(error: unknown): BrokenMessage {
  const { code } = error as { readonly code?: string };
  if (code?.startsWith("WS_ERR_") !== true) throw error;
  return code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH" || code === "WS_ERR_TOO_MANY_BUFFERED_PARTS"
    ? "too_large"
    : "malformed";
}
