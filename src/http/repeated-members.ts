import { endOfString, nestingOf } from "./json.ts";

/** Which members of a JSON text count as the same one. */
export interface RepetitionRules {
  /** Whether only the members of the outermost object are looked at. */
  readonly outermostOnly: boolean;
  /** Whether names that differ only in letter case are the same: some parsers ignore it. */
  readonly anyCase: boolean;
}

const [quote, colon] = [34, 58];

/**
 * Whether an object in a text that is known to be JSON has a member twice.
 *
 * Some parsers take the first of them and some the last, so such a text may say one thing here and
 * another to its next reader. JSON.parse keeps the last and says nothing.
 */
export function hasRepeatedMember(text: string, rules: RepetitionRules): boolean {
  /** The names of each open object or list, from the outermost in; only objects get some. */
  const open: (Set<string> | undefined)[] = [];
  let last: readonly [from: number, to: number] = [0, 0];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      last = [at, endOfString(text, at) + 1];
      at = last[1] - 1;
    } else if (code === colon) {
      if (isSecond(open, text.slice(...last), rules)) return true;
    } else {
      nest(open, nestingOf(code));
    }
  }
  return false;
}

function nest(open: (Set<string> | undefined)[], by: number): void {
  if (by > 0) open.push(undefined);
  else if (by < 0) open.pop();
}

/** Whether the innermost open object has a name (a JSON string) already; it has from now on. */
function isSecond(
  open: (Set<string> | undefined)[],
  written: string,
  { outermostOnly, anyCase }: RepetitionRules,
): boolean {
  if (outermostOnly && open.length > 1) return false;
  const names = open.at(-1) ?? new Set();
  open[open.length - 1] = names;
  const sizeBefore = names.size;
  names.add(anyCase ? folded(nameOf(written)) : nameOf(written));
  return names.size === sizeBefore;
}

/** What a JSON string says. */
function nameOf(written: string): string {
  return written.includes("\\") ? (JSON.parse(written) as string) : written.slice(1, -1);
}

/** A name in one letter case; some letters have a second lower case, such as the long s. */
export function folded(name: string): string {
  return name.toUpperCase().toLowerCase();
}
