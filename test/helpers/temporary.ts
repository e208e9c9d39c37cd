import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A directory that is gone after the test. */
export function temporaryDirectory(t: Pick<TestContext, "after">): string {
  const directory = mkdtempSync(join(tmpdir(), "revgate-test-"));
  // A server that ends only after this hook may still write into it.
  t.after(() =>
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }),
  );
  return directory;
}
