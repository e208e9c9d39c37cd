const shortLength = 126;
const longLength = 127;
const [textOpcode, closeOpcode] = [1, 8];

/**
 * Follows the WebSocket frames of one direction, to know where one ends (RFC 6455 section 5.2).
 *
 * Nothing is kept of them but how many bytes are missing.
 */
export class FrameTracker {
  /** What has been read of a frame's head that is not whole yet: at most 14 bytes. */
  #head: number[] = [];
  /** Bytes of the payload that are still to come. */
  #left = 0;
  #closing = false;

  /** Whether another frame can begin here. */
  get betweenFrames(): boolean {
    return this.#left === 0 && this.#head.length === 0;
  }

  /** How many bytes of the payload are still to come, as far as the head says. */
  get bytesLeft(): number {
    return this.#left;
  }

  /** Whether a close frame has gone by: nothing may follow it. */
  get closing(): boolean {
    return this.#closing;
  }

  /** Has a close frame count as gone by that somebody else has put in. */
  close(): void {
    this.#closing = true;
  }

  /** Reads all of a part. */
  read(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) at = this.readFrame(chunk, at);
  }

  /** Reads a part up to the end of the frame that goes on there; returns where it stopped. */
  readFrame(chunk: Uint8Array, start = 0): number {
    let at = start;
    do {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, chunk.length - at);
        this.#left -= skipped;
        at += skipped;
      } else {
        this.#head.push(chunk[at] ?? 0);
        at += 1;
        this.#readHead();
      }
    } while (at < chunk.length && !this.betweenFrames);
    return at;
  }

  #readHead(): void {
    const [first = 0, second = 0] = this.#head;
    if (this.#head.length < 2) return;
    const masked = (second & 0x80) !== 0;
    const stated = second & 0x7f;
    const lengthBytes = stated === longLength ? 8 : stated === shortLength ? 2 : 0;
    if (this.#head.length < 2 + lengthBytes + (masked ? 4 : 0)) return;
    const extended = this.#head.slice(2, 2 + lengthBytes);
    this.#left =
      lengthBytes === 0 ? stated : extended.reduce((length, byte) => length * 256 + byte, 0);
    if ((first & 0x0f) === closeOpcode) this.#closing = true;
    this.#head = [];
  }
}

/** A close frame as servers send it, without a mask; the reason takes at most 123 bytes. */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason);
  const frame = Buffer.alloc(4 + text.length);
  frame.writeUInt8(0x80 | closeOpcode, 0);
  frame.writeUInt8(2 + text.length, 1);
  frame.writeUInt16BE(code, 2);
  text.copy(frame, 4);
  return frame;
}

/** A message of text as servers send it, without a mask, of at most 65,535 bytes. */
export function textFrame(message: string): Buffer {
  const text = Buffer.from(message);
  const head =
    text.length < shortLength ? [text.length] : [shortLength, text.length >> 8, text.length & 0xff];
  return Buffer.concat([Buffer.from([0x80 | textOpcode, ...head]), text]);
}
