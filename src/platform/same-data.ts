/**
 * Whether two pieces of plain data say the same: what JSON knows, and URLs by their text (which
 * `isDeepStrictEqual` does not look into).
 */
export function isSameData(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
