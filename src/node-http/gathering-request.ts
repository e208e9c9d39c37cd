import { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { GatheredBytes } from "../platform/gathered-bytes.ts";

/** Pieces of a body that are shorter than this are put together if no one takes them at once. */
const crumbBytes = 1024;

/**
 * The short pieces of a body that came in one turn of the event loop, after something that no one has
 * taken yet. They are pushed on together: each would be a buffer of some hundred bytes (decision 0020).
 */
export class Crumbs {
  #gathered: GatheredBytes | undefined;
  readonly #maxBytes: number;

  /** `maxBytes`: pieces that are shorter are put together. */
  constructor(maxBytes = crumbBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Pushes a piece, or the end, on to a stream at its time; false asks for no more. */
  push(stream: Readable, piece: Buffer | null, pushOn: (piece: Buffer | null) => boolean): boolean {
    if (piece === null || piece.length >= this.#maxBytes || stream.readableLength === 0) {
      this.#pushAll(pushOn);
      return pushOn(piece);
    }
    if (this.#gathered === undefined) {
      this.#gathered = new GatheredBytes();
      setImmediate(() => this.#pushAll(pushOn));
    }
    this.#gathered.add(piece);
    return stream.readableLength + this.#gathered.length < stream.readableHighWaterMark;
  }

  #pushAll(pushOn: (piece: Buffer) => boolean): void {
    const gathered = this.#gathered;
    this.#gathered = undefined;
    if (gathered !== undefined) pushOn(gathered.bytes);
  }
}

/** Node's request, whose body takes no more memory than its bytes while it waits. */
export class GatheringRequest extends IncomingMessage {
  readonly #crumbs = new Crumbs();
  readonly #pushOn = (piece: Buffer | null) => super.push(piece);

  override push(piece: Buffer | null): boolean {
    return this.#crumbs.push(this, piece, this.#pushOn);
  }
}
