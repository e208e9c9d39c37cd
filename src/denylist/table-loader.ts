import { StoreUnavailableError } from "../errors.ts";
import type { Standing, TokenNames } from "./denylist.ts";
import type { Journal } from "./journal/journal.ts";
import type { RevocationTable } from "./memory/revocation-table.ts";

/**
 * Answers from the table, and knows when it cannot: while it is loaded from the journal once more after
 * the clock has jumped, and where the clock was ahead when something was forgotten.
 */
export class TableLoader {
  readonly #journal: Pick<Journal, "load">;
  readonly #table: RevocationTable;
  #loading: Promise<void> | undefined;
  #again = false;
  #failure: Error | undefined;

  constructor(journal: Pick<Journal, "load">, table: RevocationTable) {
    this.#journal = journal;
    this.#table = table;
  }

  /** What the table says at once. */
  lookUp(token: TokenNames): Standing {
    if (this.#table.has(token)) return "revoked";
    const isComplete = this.#loading === undefined && this.#failure === undefined;
    return isComplete && !this.#table.mayHaveForgotten(token) ? "live" : "ask";
  }

  /** What the table says when it is loaded; rejects with StoreUnavailableError if it still cannot tell. */
  async ask(token: TokenNames): Promise<"revoked" | "live"> {
    await this.#loading;
    if (this.#table.has(token)) return "revoked";
    await this.settled();
    if (this.#table.mayHaveForgotten(token)) {
      throw new StoreUnavailableError("a clock was ahead: its revocation may have been forgotten");
    }
    return "live";
  }

  /** Resolves when the table is loaded; rejects with StoreUnavailableError if it could not be. */
  async settled(): Promise<void> {
    await this.#loading;
    if (this.#failure !== undefined) {
      throw new StoreUnavailableError("the journal cannot be read", this.#failure);
    }
  }

  /** Why the journal could not be loaded; undefined if it was, or is being loaded. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Loads everything; never rejects. What fails is in `failure`, and can be begun again. */
  load(): Promise<void> {
    this.#again = this.#loading !== undefined;
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async #load(): Promise<void> {
    do {
      this.#again = false;
      this.#failure = undefined;
      this.#table.resetForgotten();
      try {
        await this.#journal.load();
      } catch (error) {
        this.#failure = error as Error;
      }
      // The clock has jumped meanwhile: what was read first was judged by another time.
    } while (this.#again);
    this.#loading = undefined;
  }
}
