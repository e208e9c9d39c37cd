import { LRUCache } from "lru-cache";

/** How many refusals of one token are written in a minute. */
export const writtenRefusals = 10;
const windowMs = 60_000;
/** Each is a name of 43 characters and a number; who sends others pushes the oldest out. */
const maxTokens = 1000;

/**
 * Notices a token that is refused again and again, as clients do that do not log in anew.
 *
 * Returns whether the line of such a refusal is to be written: those of its first ten in a minute are.
 * `onRepeated` hears of the token once in that minute, with the facts of the request that was one too many.
 */
export function createRepeatedRefusals<Facts>(
  onRepeated: (token: string, facts: Facts) => void,
  nowMs: () => number = () => performance.now(),
): (token: string, facts: Facts) => boolean {
  const seen = new LRUCache<string, { count: number; readonly endsAtMs: number }>({
    max: maxTokens,
  });
  return (token, facts) => {
    const known = seen.get(token);
    if (known === undefined || nowMs() >= known.endsAtMs) {
      seen.set(token, { count: 1, endsAtMs: nowMs() + windowMs });
      return true;
    }
    known.count += 1;
    if (known.count === writtenRefusals + 1) onRepeated(token, facts);
    return known.count <= writtenRefusals;
  };
}
