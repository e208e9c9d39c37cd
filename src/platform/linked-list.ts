/** An item in its place of a list. */
export interface Link<Item> {
  readonly item: Item;
  before: Link<Item> | undefined;
  behind: Link<Item> | undefined;
}

/** A list from which any item can be taken at once, however long it is. (To take the first of a Map costs 40 µs at 10,000.) */
export class LinkedList<Item> {
  #first: Link<Item> | undefined;
  #last: Link<Item> | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): Item | undefined {
    return this.#first?.item;
  }

  get last(): Item | undefined {
    return this.#last?.item;
  }

  /** Appends an item; returns what `remove` takes. */
  push(item: Item): Link<Item> {
    const link: Link<Item> = { item, before: this.#last, behind: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.behind = link;
    this.#last = link;
    this.#length += 1;
    return link;
  }

  /** Takes out one that is in it. */
  remove({ before, behind }: Link<Item>): void {
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    this.#length -= 1;
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (let link = this.#first; link !== undefined; link = link.behind) yield link.item;
  }
}
