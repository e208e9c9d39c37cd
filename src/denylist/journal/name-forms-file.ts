import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { NamesDifferError } from "../../errors.ts";
import { ensureDirectory, replaceFile, unlessMissing } from "../../platform/durable-file.ts";
import { compareForms, formatForms, parseForms, strangersReason } from "../name-forms.ts";

/** In which forms revgate 0.1, which wrote no such file, has made the names in its journal. */
const formsOfBefore = ["sha256-0.1"];

/**
 * Compares the forms of names in a data directory's journal with this sidecar's, and notes the latter.
 *
 * Rejects with NamesDifferError if they have nothing in common: the journal's revocations would be forgotten
 * without a sign. A disk that is full keeps no sidecar from starting: it is told, and what stood there goes on
 * to be compared, which is stricter. To be called before the journal is opened, by the holder of the directory.
 */
export async function noteNameForms(
  dataDir: string,
  own: readonly string[],
  onFailure: (error: Error) => void,
): Promise<void> {
  await ensureDirectory(dataDir);
  const path = join(dataDir, "name-forms");
  const held = await formsIn(path, join(dataDir, "journal"));
  if (compareForms(held, own).kind === "strangers") {
    throw new NamesDifferError(strangersReason(join(dataDir, "journal"), held, own));
  }
  if (formatForms(held) !== formatForms(own)) {
    await replaceFile(dataDir, "name-forms", `${formatForms(own)}\n`).catch(onFailure);
  }
}

async function formsIn(path: string, journal: string): Promise<readonly string[]> {
  const text = await unlessMissing(readFile(path, "latin1"));
  if (text !== undefined) {
    const forms = parseForms(text.trimEnd());
    // In which is unknown: none of this sidecar's, to be safe.
    return forms.length > 0 ? forms : [`unreadable: delete ${path} if that is known to be wrong`];
  }
  const size = (await unlessMissing(stat(journal)))?.size ?? 0;
  return size > 0 ? formsOfBefore : [];
}
