import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this repository: tests run compiled, too, from a folder further in (`compile-tests.ts`). */
export const repository = folderAbove(dirname(fileURLToPath(import.meta.url)));

function folderAbove(folder: string): string {
  return existsSync(join(folder, "package-lock.json")) ? folder : folderAbove(dirname(folder));
}
