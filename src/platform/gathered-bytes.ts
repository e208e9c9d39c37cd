/**
 * Bytes that come in pieces, side by side in one buffer that grows.
 *
 * Anyone who sends a body a byte at a time makes a buffer of each, which takes some hundred bytes: kept as they
 * come, 64 KB of them would be 25 MB.
 */
export class GatheredBytes {
  #buffer = Buffer.alloc(0);
  #length = 0;

  /** How many there are by now. */
  get length(): number {
    return this.#length;
  }

  /** All of them; what is added later may change what this shows. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#buffer.length));
      this.bytes.copy(larger);
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }
}
