const jsonType = /^\s*application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/**
 * What `Accept` says of an answer that is read here: the types of JSON among those that a client names, or JSON. In another
 * form a client could have tokens handed out that are not seen.
 */
export function jsonAccepted(lines: readonly string[]): string {
  const named = lines
    .flatMap((line) => line.split(","))
    .map((each) => each.trim())
    .filter((each) => jsonType.test(each));
  return named.length === 0 ? "application/json" : named.join(", ");
}
