import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { NamesDifferError } from "../../errors.ts";
import { replaceFile, unlessMissing } from "../../platform/durable-file.ts";
import { formatMainIssuer, type MainIssuer, parseMainIssuer } from "../main-issuer.ts";

const nameOfFile = "main-issuer";

/**
 * Which issuer's names in a data directory's journal are those without an issuer; undefined if nothing is noted, as in a
 * directory of an earlier version.
 *
 * Rejects with NamesDifferError if something else stands there.
 */
export async function readMainIssuer(dataDir: string): Promise<MainIssuer | undefined> {
  const path = join(dataDir, nameOfFile);
  const text = await unlessMissing(readFile(path, "latin1"));
  if (text === undefined) return undefined;
  const held = parseMainIssuer(text.trimEnd());
  if (held !== undefined) return held;
  throw new NamesDifferError(
    `${path} cannot be read: whose revocations the journal has is unknown. Delete it if tokens.issuer is what it was when the directory was new`,
  );
}

/** Notes it, durably. */
export async function writeMainIssuer(dataDir: string, held: MainIssuer): Promise<void> {
  await replaceFile(dataDir, nameOfFile, `${formatMainIssuer(held)}\n`);
}
