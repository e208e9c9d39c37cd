import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The first of several programs that is in one of the folders of a PATH, or in another folder; undefined if there is none. */
export function findExecutable(
  names: readonly string[],
  path: string | undefined,
  others: readonly string[] = [],
): string | undefined {
  const folders = [...(path ?? "").split(delimiter).filter((folder) => folder !== ""), ...others];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
