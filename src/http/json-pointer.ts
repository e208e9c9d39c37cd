/** What a JSON Pointer (RFC 6901) leads to; undefined if there is nothing. Members of prototypes are nothing. */
export function valueAt(value: unknown, pointer: string): unknown {
  let at = value;
  for (const name of stepsOf(pointer)) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** The names of members and positions in lists that a JSON Pointer leads over. */
export function stepsOf(pointer: string): readonly string[] {
  const steps = pointer.split("/").slice(1);
  return steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}
