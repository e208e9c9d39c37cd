import { type NewLine, saysMany } from "./feed-line.ts";

const maxLines = 10_000;

/**
 * Lines of many entries that this sidecar has written and not read yet: it knows what they say.
 *
 * By their texts, of which no two are alike. One that never reached the feed is forgotten in the end; one that is
 * read after that is read like any other.
 */
export class OwnLines {
  readonly #texts = new Set<string>();

  /** These are about to be written. */
  note(lines: readonly NewLine[]): void {
    for (const { line } of lines) if (saysMany(line)) this.#texts.add(line);
    for (const text of this.#texts) {
      if (this.#texts.size <= maxLines) break;
      this.#texts.delete(text);
    }
  }

  /** Whether a line that was read is one of them; each is only once. */
  take(text: string): boolean {
    return this.#texts.delete(text);
  }
}
