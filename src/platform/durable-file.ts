import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Makes `directory` and its parents, readable by their owner alone. */
export async function ensureDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
}

/** Makes the names in a directory durable: after this, a rename or a new file in it survives a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Puts a file that has been written and synced in the place of another, durably.
 *
 * When it resolves, `target` is the new file even after a power cut; when it rejects, `target` is
 * either the old file or the new one, whole in both cases.
 */
export async function replaceDurably(temporary: string, target: string): Promise<void> {
  await rename(temporary, target);
  await syncDirectory(dirname(target));
}

/** Writes all of a text; resolves with its length in bytes. */
export async function writeWhole(file: FileHandle, text: string): Promise<number> {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written)).bytesWritten;
  }
  return bytes.length;
}
