import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DataDirUnsafeError } from "../errors.ts";
import { ensureDirectory } from "./durable-file.ts";

/**
 * Makes a directory if it is missing, and refuses one whose files somebody else could replace.
 *
 * Rejects with DataDirUnsafeError, which names the command that helps, if it belongs to another user than
 * this process's or root, if others may write in it, or if a symbolic link stands in it: what is written
 * through one would change a file elsewhere. Others may write in the root of a mounted volume, as that of a
 * Kubernetes pod is often made: only those who mount the volume reach it.
 */
export async function ensureOwnDirectory(
  directory: string,
  user = process.geteuid?.(),
): Promise<void> {
  await ensureDirectory(directory);
  const { uid, mode } = await stat(directory);
  if (user !== undefined && uid !== user && uid !== 0) {
    throw new DataDirUnsafeError(
      `${directory} belongs to user ${uid}, and this process runs as ${user}: run it as that user, or give it the directory (chown -R ${user} ${directory})`,
    );
  }
  const othersMayWrite = (mode & 0o022) !== 0;
  if (othersMayWrite && !(await isMountPoint(directory))) {
    throw new DataDirUnsafeError(
      `${directory} can be written to by other users (mode ${(mode & 0o7777).toString(8)}): take that away (chmod go-w ${directory})`,
    );
  }
  await refuseLinksIn(directory);
}

async function refuseLinksIn(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink()) {
      throw new DataDirUnsafeError(
        `${path} is a symbolic link: nothing in a data directory may be one; remove it, or put what it points to in its place`,
      );
    }
  }
}

/** Whether something else begins there than what is around it. */
async function isMountPoint(directory: string): Promise<boolean> {
  const own = await realpath(directory);
  const [inside, around] = await Promise.all([stat(own), stat(dirname(own))]);
  return inside.dev !== around.dev;
}
