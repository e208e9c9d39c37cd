import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";

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

/** Never through a symbolic link: what is written through one changes a file elsewhere. */
const appending = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;

/** Opens a file for reading and appending; makes it if it is missing. */
export function openForAppending(path: string): Promise<FileHandle> {
  return open(path, appending, 0o600);
}

/** Opens an empty file for reading and appending: after a truncation, writes go to its new end. */
export function createForAppending(path: string): Promise<FileHandle> {
  return open(path, appending | constants.O_TRUNC, 0o600);
}

/** Writes all of a text; resolves with its length in bytes. */
export async function writeWhole(file: FileHandle, text: string | Buffer): Promise<number> {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written)).bytesWritten;
  }
  return bytes.length;
}

/** Puts a text in the place of a file's, durably: either of the two is there whenever the process dies. */
export async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  const path = join(directory, name);
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await writeWhole(file, text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(directory);
}

/** What is read, or undefined if there is no such file. */
export async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
