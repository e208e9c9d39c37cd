const none: readonly string[] = [];

/** A header's name as applications that turn `-` into `_` would compare it. */
export function spelledWithHyphens(name: string): string {
  return name.includes("_") ? name.replaceAll("_", "-") : name;
}

/**
 * The header section of a message as it was received: every line, in order, with its letter case.
 *
 * Node joins or drops repeated headers in `message.headers`; a gate that decides by that view decides
 * on something the application never sees. This view loses nothing. (A class, not a closure: one is
 * made for every request.)
 */
export class HeaderList {
  /** Names in lower case, one a line. */
  readonly names: readonly string[];
  /** Name and value alternating, as sent: entry `i` of `names` is `raw[2 * i]`, its value `raw[2 * i + 1]`. */
  readonly raw: readonly string[];

  /** Wraps Node's `rawHeaders`. */
  constructor(raw: readonly string[]) {
    const names: string[] = new Array(raw.length >> 1);
    for (let i = 0; i < names.length; i += 1) names[i] = (raw[2 * i] ?? "").toLowerCase();
    this.names = names;
    this.raw = raw;
  }

  has(name: string): boolean {
    return this.names.includes(name);
  }

  /** The value of the first line of that name (lower case). */
  first(name: string): string | undefined {
    const index = this.names.indexOf(name);
    return index === -1 ? undefined : this.raw[2 * index + 1];
  }

  /**
   * The values of all lines that an application may take for that name, in order: some (CGI, WSGI,
   * Rack) see `x_auth` where `x-auth` is meant.
   */
  allSpellings(name: string): readonly string[] {
    if (!name.includes("-")) return this.all(name);
    return this.names.flatMap((each, index) =>
      spelledWithHyphens(each) === name ? [this.raw[2 * index + 1] ?? ""] : [],
    );
  }

  /** The values of all lines of that name (lower case), in order. */
  all(name: string): readonly string[] {
    let index = this.names.indexOf(name);
    if (index === -1) return none;
    const values: string[] = [];
    for (; index !== -1; index = this.names.indexOf(name, index + 1)) {
      values.push(this.raw[2 * index + 1] ?? "");
    }
    return values;
  }
}
