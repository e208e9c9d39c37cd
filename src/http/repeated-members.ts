/** Which members of a JSON text count as the same one. */
export interface RepetitionRules {
  /** Whether only the members of the outermost object are looked at. */
  readonly outermostOnly: boolean;
  /** Whether names that differ only in letter case are the same: some parsers ignore it. */
  readonly anyCase: boolean;
}

const part = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/**
 * Whether an object in a text that is known to be JSON has a member twice.
 *
 * Some parsers take the first of them and some the last, so such a text may say one thing here and
 * another to its next reader. JSON.parse keeps the last and says nothing.
 */
export function hasRepeatedMember(text: string, rules: RepetitionRules): boolean {
  /** The names of each open object, from the outermost in; a list has none. */
  const open: (Set<string> | undefined)[] = [];
  let last = "";
  for (const [found] of text.matchAll(part)) {
    if (found === "{") open.push(new Set());
    else if (found === "[") open.push(undefined);
    else if (found === "}" || found === "]") open.pop();
    else if (found === ":" && isSecond(open, last, rules)) return true;
    last = found;
  }
  return false;
}

/** Whether the innermost open object has a name (a JSON string) already; it has from now on. */
function isSecond(
  open: readonly (Set<string> | undefined)[],
  written: string,
  { outermostOnly, anyCase }: RepetitionRules,
): boolean {
  const names = open.at(-1);
  if (names === undefined || (outermostOnly && open.length > 1)) return false;
  const name = JSON.parse(written) as string;
  const sizeBefore = names.size;
  names.add(anyCase ? folded(name) : name);
  return names.size === sizeBefore;
}

/** A name in one letter case; some letters have a second lower case, such as the long s. */
export function folded(name: string): string {
  return name.toUpperCase().toLowerCase();
}
