import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ensureDirectory, syncDirectory } from "../../platform/durable-file.ts";
import { ignored } from "../ignored.ts";
import { Intents } from "./intents.ts";
import type { Journal, JournalOptions } from "./journal.ts";
import { OpenFile } from "./open-file.ts";
import { type JournalContents, readJournal } from "./reader.ts";
import { replay } from "./replay.ts";
import { RevocationJournal } from "./revocation-journal.ts";

/**
 * Opens the journal of a data directory.
 *
 * A torn last line (the process died while writing it) is dropped: no client was promised it. A line
 * before it that is not a record stops the start with JournalDamagedError, which names the line. A disk
 * that cannot be written does not: `failure` says so, and it is tried again.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { dataDir, clock, outbox } = options;
  const path = join(dataDir, "journal");
  await ensureDirectory(dataDir);
  await rm(`${path}.compacted`, { force: true });
  await rm(`${path}.rescued`, { force: true });

  const intents = new Intents();
  const now = clock.nowSeconds();
  const found = await readJournal(path, (record) => {
    if (record.verb === "ignored") {
      options.onIgnored?.(ignored("journal", "a line that is no record", record.text));
      return;
    }
    intents.replay(record);
    if (record.verb === "lifetime") options.lives?.add(record.life);
    replay(record, options, now);
    outbox?.replay(record);
  });
  outbox?.dropExpired(clock.nowSeconds());
  const opened = await openFound(path, found);
  const journal = new RevocationJournal(path, opened, { found, intents, options });
  // What was found is on disk from here on, in the form of this version, or `failure` says why not.
  await journal.check();
  return journal;
}

/** Opens the file that was read; whether it can be gone on with, or has to be made anew. */
async function openFound(
  path: string,
  { version, wholeBytes, records }: JournalContents,
): Promise<{ readonly file: OpenFile | undefined; readonly distrusted: boolean }> {
  if (wholeBytes === 0) return { file: undefined, distrusted: true };
  const file = await OpenFile.open(path, { version, size: wholeBytes, records });
  try {
    await file.truncate();
    await file.sync();
    await syncDirectory(dirname(path));
    return { file, distrusted: version !== 2 };
  } catch {
    return { file, distrusted: true };
  }
}
