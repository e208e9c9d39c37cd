/** How deep objects and lists may be nested in JSON that comes from outside; deeper is not read. */
export const maxJsonDepth = 64;

/** The longest JSON text that is read, in UTF-16 units; callers have smaller bounds of their own. */
export const maxJsonLength = 16 * 1024 * 1024;

/**
 * Reads JSON that somebody else wrote; undefined if it is not JSON, too long, nested too deep, or its objects have
 * more than `maxMembers` members together.
 *
 * The bound on depth protects whatever walks or prints the value afterwards: JSON.stringify and most
 * walks are recursive, and a text of a few kilobytes could exhaust their stack.
 *
 * An integer beyond 2^53 becomes a string of its digits, exactly as written: a rounded number would be
 * another subject's id. (No reviver: Node 20 does not give one the source text.)
 */
export function readJson(text: string, maxMembers = Infinity): unknown {
  if (text.length > maxJsonLength) return undefined;
  const { depth, members, longIntegers } = survey(text);
  if (depth > maxJsonDepth || members > maxMembers) return undefined;
  try {
    // First as it stands: quoting must not turn into JSON what was none.
    const value: unknown = JSON.parse(text);
    return longIntegers.length === 0 ? value : JSON.parse(quoteEach(text, longIntegers));
  } catch {
    return undefined;
  }
}

/** Positions of a part of a text: from the first up to, but not including, the second. */
type Part = readonly [from: number, to: number];

interface Survey {
  readonly depth: number;
  readonly members: number;
  /** Integers that a number can't hold exactly. */
  readonly longIntegers: readonly Part[];
}

const [quote, comma, minus, zero, nine, colon] = [34, 44, 45, 48, 57, 58];

/** One pass over the text, in linear time whatever it holds. */
function survey(text: string): Survey {
  const longIntegers: Part[] = [];
  let depth = 0;
  let deepest = 0;
  let members = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfString(text, at);
    } else if (code === minus || (code >= zero && code <= nine)) {
      const end = endOfNumber(text, at);
      if (isLongInteger(text, at, end)) longIntegers.push([at, end]);
      at = end - 1;
    } else {
      members += Number(code === colon);
      depth += nestingOf(code);
      deepest = Math.max(deepest, depth);
    }
  }
  return { depth: deepest, members, longIntegers };
}

/**
 * How many values and members a JSON text has, about; what is beyond `max` is not counted.
 *
 * Reading one costs up to a microsecond for each of them, and next to nothing for the text of strings.
 */
export function countParts(text: string, max: number): number {
  let parts = 1;
  for (let at = 0; at < text.length && parts <= max; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (code === comma || nestingOf(code) > 0) parts += 1;
  }
  return parts;
}

/** By how much a character changes the depth. */
export function nestingOf(code: number): number {
  switch (code) {
    case 91: // [
    case 123: // {
      return 1;
    case 93: // ]
    case 125: // }
      return -1;
    default:
      return 0;
  }
}

/** Where the string ends that begins at a quotation mark: the position of the closing one. */
export function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && "0123456789.eE+-".includes(text.charAt(end))) end += 1;
  return end;
}

function isLongInteger(text: string, from: number, to: number): boolean {
  // Sixteen digits or more: most numbers are told apart by their length.
  if (to - from < 16) return false;
  const number = text.slice(from, to);
  return /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number));
}

function quoteEach(text: string, parts: readonly Part[]): string {
  let quoted = "";
  let done = 0;
  for (const [from, to] of parts) {
    quoted += `${text.slice(done, from)}"${text.slice(from, to)}"`;
    done = to;
  }
  return quoted + text.slice(done);
}
