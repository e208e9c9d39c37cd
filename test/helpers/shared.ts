import { after } from "node:test";

/** Where cleanups are left. */
export interface Ending {
  after(cleanup: () => unknown): void;
}

/** What the tests of a `describe` share ends behind the last of them. Call it in there. */
export function endWithAll(): Ending {
  const cleanups: (() => unknown)[] = [];
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });
  return { after: (cleanup) => void cleanups.push(cleanup) };
}
