import { randomBytes } from "node:crypto";
import { chmod, link, rename, stat, unlink } from "node:fs/promises";
import { connect, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { ControlError, DataDirInUseError } from "../errors.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import { ensureOwnDirectory } from "../platform/own-directory.ts";
import { type ControlHandler, createCommandServer } from "./command-server.ts";

/** Being the one process that writes to a data directory. */
export interface DataDirHold {
  /** Answers commands from now on; those that came earlier have waited. */
  serve(handler: ControlHandler): void;
  /**
   * Takes hold again if the socket was removed, or another is in its place.
   *
   * Rejects with DataDirInUseError if another process has taken the directory meanwhile.
   */
  renew(): Promise<void>;
  /** Lets go of the directory; commands that still wait to be served are told that they are not. */
  release(): Promise<void>;
}

const maxSocketPath = 100;
/** How long a client may take to read the rest of its answer when the directory is let go. */
const cutAfterMs = 1000;

/** Where the control socket of a data directory is. */
export function controlPath(dataDir: string): string {
  return join(dataDir, "control.sock");
}

/**
 * Takes hold of a data directory: one writer at a time. The control socket in it is the lock.
 *
 * Rejects with DataDirInUseError if a living process holds it, and with DataDirUnsafeError if others
 * could change what is in it. A socket that a killed process has left is taken over: it is first renamed away, which only one of several can do, and then asked once
 * more, so that a socket that came alive in between is put back.
 */
export async function holdDataDir(
  dataDir: string,
  onUncaught: ReportUncaught = () => {},
): Promise<DataDirHold> {
  await ensureOwnDirectory(dataDir);
  const path = controlPath(dataDir);
  if (Buffer.byteLength(path) > maxSocketPath) {
    throw new DataDirInUseError(
      `${dataDir}: the path is too long for a socket in it; choose one under ${maxSocketPath - "/control.sock".length} bytes`,
    );
  }

  let handle: (handler: ControlHandler) => void = () => {};
  let giveUp = () => {};
  const handler = new Promise<ControlHandler>((resolve, reject) => {
    handle = resolve;
    giveUp = () => reject(new ControlError("revgate ended before it served"));
  });
  handler.catch(() => {});
  const open = () => createCommandServer(handler, onUncaught);
  let lock = await takeLock(dataDir, open);

  async function renew(): Promise<void> {
    if ((await inodeOf(path)) === lock.inode) return;
    await ensureOwnDirectory(dataDir);
    const lost = lock;
    lock = await takeLock(dataDir, open);
    await closeAll(lost.server, lost.connections);
  }

  let renewing: Promise<void> = Promise.resolve();
  return {
    serve: handle,
    renew() {
      renewing = renewing.catch(() => {}).then(renew);
      return renewing;
    },
    async release() {
      giveUp();
      await renewing.catch(() => {});
      if ((await inodeOf(path)) === lock.inode) await unlink(path).catch(() => {});
      await closeAll(lock.server, lock.connections);
    },
  };
}

/** The socket under whose name a process listens, and which that is. */
interface Lock extends ReturnType<typeof createCommandServer> {
  readonly inode: bigint | undefined;
}

async function takeLock(
  dataDir: string,
  open: () => ReturnType<typeof createCommandServer>,
): Promise<Lock> {
  const path = controlPath(dataDir);
  const own = join(dataDir, `.${process.pid}-${randomBytes(3).toString("hex")}`);
  const { server, connections } = open();
  await listen(server, own);
  try {
    await chmod(own, 0o600);
    const inode = await inodeOf(own);
    while (!(await tryLink(own, path))) await dropDead(dataDir, path, `${own}-old`);
    return { server, connections, inode };
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await unlink(own).catch(() => {});
  }
}

/** Which file is under a name; undefined if there is none. */
async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch {
    return undefined;
  }
}

/** Ends the connections of a server when they have what they were sent; one that does not read is cut. */
async function closeAll(server: Server, connections: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of connections) socket.destroySoon();
  const cut = setTimeout(() => {
    for (const socket of connections) socket.destroy();
  }, cutAfterMs);
  await closed;
  clearTimeout(cut);
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function dropDead(dataDir: string, path: string, aside: string): Promise<void> {
  if (await isAlive(path)) throw inUse(dataDir);
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const alive = await isAlive(aside);
  if (alive) await tryLink(aside, path);
  await unlink(aside);
  if (alive) throw inUse(dataDir);
}

function inUse(dataDir: string): DataDirInUseError {
  return new DataDirInUseError(
    `${dataDir} is in use by another revgate; every sidecar needs its own denylist.dataDir`,
  );
}

/** What says that no one listens there. Any other failure, such as a full backlog, comes from somebody alive. */
const nobodyThere = ["ECONNREFUSED", "ENOENT"];

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code = "" }: NodeJS.ErrnoException) => {
      resolve(!nobodyThere.includes(code));
    });
  });
}

/** Rights that a socket must not have even for the moment before its mode is set: it takes connections at once. */
const ofOthers = 0o077;

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // The socket is made within this call, with the rights that the umask leaves.
    const before = process.umask(ofOthers);
    try {
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}
