import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

const left = new Set<string>();
process.on("exit", () => {
  for (const directory of left) rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
});

/**
 * A directory for one test, removed when the test's process ends.
 *
 * Not right behind the test: hooks run in the order in which they were added, so the programs that use the
 * directory still live then, and make again what is removed under them.
 */
export function temporaryDirectory(_t: Pick<TestContext, "after">): string {
  const directory = mkdtempSync(join(tmpdir(), "revgate-test-"));
  left.add(directory);
  return directory;
}

/** What a crash would leave of a directory at this moment: whoever writes there goes on, and neither disturbs the other. */
export function copyOf(t: Pick<TestContext, "after">, directory: string): string {
  const copy = temporaryDirectory(t);
  cpSync(directory, copy, { recursive: true });
  return copy;
}
