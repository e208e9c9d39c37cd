/** The largest of some numbers, however many: as arguments of one call, 130,000 of them are too many. -Infinity of none. */
export function largestOf<T>(items: readonly T[], numberOf: (item: T) => number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const item of items) largest = Math.max(largest, numberOf(item));
  return largest;
}

/** The smallest, likewise; Infinity of none. */
export function smallestOf(numbers: readonly number[]): number {
  return -largestOf(numbers, (each) => -each);
}
