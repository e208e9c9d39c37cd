import type { Entry } from "../denylist.ts";
import type { JournalRecord } from "./record.ts";

/** Entries that requests in progress would revoke, by the number of their intent. */
export class Intents {
  readonly #open = new Map<number, Entry[]>();
  #lastId = 0;

  /** Opens a new intent; resolves to its records, for the journal. */
  open(entries: readonly Entry[]): { id: number; records: JournalRecord[] } {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#open.set(id, [...entries]);
    return { id, records: entries.map((entry) => ({ verb: "intent", id, entry })) };
  }

  /** Follows a record that was read. */
  replay(record: JournalRecord): void {
    if (record.verb !== "intent" && record.verb !== "settled") return;
    this.#lastId = Math.max(this.#lastId, record.id);
    if (record.verb === "settled") {
      this.#open.delete(record.id);
      return;
    }
    const open = this.#open.get(record.id);
    if (open === undefined) this.#open.set(record.id, [record.entry]);
    else open.push(record.entry);
  }

  settle(id: number): void {
    this.#open.delete(id);
  }

  /** The records of all open intents. */
  records(): JournalRecord[] {
    return [...this.#open].flatMap(([id, entries]) =>
      entries.map((entry): JournalRecord => ({ verb: "intent", id, entry })),
    );
  }

  /** The numbers and entries of all open intents. */
  list(): { readonly id: number; readonly entries: readonly Entry[] }[] {
    return [...this.#open].map(([id, entries]) => ({ id, entries }));
  }
}
