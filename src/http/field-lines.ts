/**
 * A header list: name and value alternating, one pair a line, in the order and letter case of the
 * message. That is how Node hands over what it received (`rawHeaders`) and takes what it sends. No line
 * is joined with another, dropped or sorted.
 */
export type FieldLines = readonly string[];

const none: readonly string[] = [];

/**
 * Where the next line of a name (lower case) begins, from `start` on; -1 if there is none. Its value is
 * behind it.
 */
export function findField(lines: FieldLines, name: string, start = 0): number {
  const { length } = name;
  for (let i = start; i < lines.length; i += 2) {
    // Most names are told apart by their length alone.
    const each = lines[i] ?? "";
    if (each.length === length && each.toLowerCase() === name) return i;
  }
  return -1;
}

/** The values of all lines of a name (lower case), in order. */
export function fieldValues(lines: FieldLines, name: string): readonly string[] {
  let index = findField(lines, name);
  if (index === -1) return none;
  const values: string[] = [];
  for (; index !== -1; index = findField(lines, name, index + 2))
    values.push(lines[index + 1] ?? "");
  return values;
}

/** The same lines as pairs. */
export function* eachField(lines: FieldLines): Generator<[name: string, value: string]> {
  for (let i = 0; i < lines.length; i += 2) yield [lines[i] ?? "", lines[i + 1] ?? ""];
}

/** The lines as they are sent, each with its line break. They must be fit to be sent. */
export function writeFields(lines: FieldLines): string {
  let text = "";
  for (let i = 0; i < lines.length; i += 2) text += `${lines[i]}: ${lines[i + 1]}\r\n`;
  return text;
}

/** How a message says where its body ends. */
export type BodyFraming = "none" | "by length" | "chunked";

/** What a header list says of the body behind it. (Both a length and a coding have been refused by then.) */
export function bodyFramingOf(lines: FieldLines): BodyFraming {
  if (findField(lines, "transfer-encoding") !== -1) return "chunked";
  const length = findField(lines, "content-length");
  return length === -1 || lines[length + 1] === "0" ? "none" : "by length";
}

/** A header's name as applications that turn `-` into `_` would compare it. */
export function spelledWithHyphens(name: string): string {
  return name.includes("_") ? name.replaceAll("_", "-") : name;
}

/**
 * A header list with its names in lower case beside it, for one that is asked often.
 *
 * Node joins or drops repeated headers in `message.headers`; a gate that decides by that view decides
 * on something the application never sees. This view loses nothing. (A class, not a closure: one is
 * made for every request.)
 */
export class HeaderList {
  /** Names in lower case, one a line. */
  readonly names: readonly string[];
  /** The list itself: entry `i` of `names` is `raw[2 * i]`, its value `raw[2 * i + 1]`. */
  readonly raw: FieldLines;

  /** Wraps Node's `rawHeaders`. */
  constructor(raw: FieldLines) {
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
    let values: string[] | undefined;
    for (let i = 0; i < this.names.length; i += 1) {
      if (spelledWithHyphens(this.names[i] ?? "") !== name) continue;
      values ??= [];
      values.push(this.raw[2 * i + 1] ?? "");
    }
    return values ?? none;
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
