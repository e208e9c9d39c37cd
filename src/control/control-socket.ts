import { randomBytes } from "node:crypto";
import { chmod, link, rename, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ControlError, DataDirInUseError, RevgateError } from "../errors.ts";
import { GatheredBytes } from "../platform/gathered-bytes.ts";
import { ensureOwnDirectory } from "../platform/own-directory.ts";

/** Answers one command; every value it yields goes back as a line. Throws RevgateError for what can't be done. */
export type ControlHandler = (request: unknown) => AsyncIterable<unknown>;

/** Being the one process that writes to a data directory. */
export interface DataDirHold {
  /** Answers commands from now on; those that came earlier have waited. */
  serve(handler: ControlHandler): void;
  /** Lets go of the directory; commands that still wait to be served are told that they are not. */
  release(): Promise<void>;
}

const longestSocketPath = 100;
const lineFeed = 0x0a;
/** How long a client may take to read the rest of its answer when the directory is let go. */
const cutAfterMs = 1000;

function controlPath(dataDir: string): string {
  return join(dataDir, "control.sock");
}

/**
 * Takes hold of a data directory: one writer at a time. The control socket in it is the lock.
 *
 * Rejects with DataDirInUseError where a living process holds it, and with DataDirUnsafeError if others
 * could change what is in it. A socket that a killed process left
 * behind is taken over: it is first renamed away, which only one of several can do, and then asked once
 * more, so that a socket that came alive in between is put back.
 */
export async function holdDataDir(dataDir: string): Promise<DataDirHold> {
  await ensureOwnDirectory(dataDir);
  const path = controlPath(dataDir);
  const own = join(dataDir, `.${process.pid}-${randomBytes(3).toString("hex")}`);
  if (Buffer.byteLength(path) > longestSocketPath) {
    throw new DataDirInUseError(
      `${dataDir}: the path is too long for a socket in it; choose one under ${longestSocketPath - "/control.sock".length} bytes`,
    );
  }

  let handle: (handler: ControlHandler) => void = () => {};
  let giveUp = () => {};
  const handler = new Promise<ControlHandler>((resolve, reject) => {
    handle = resolve;
    giveUp = () => reject(new ControlError("revgate ended before it served"));
  });
  handler.catch(() => {});
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    void answer(socket, handler);
  });
  await listen(server, own);
  try {
    await chmod(own, 0o600);
    while (!(await tryLink(own, path))) await dropDead(dataDir, path, `${own}-old`);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await unlink(own).catch(() => {});
  }

  return {
    serve: handle,
    async release() {
      giveUp();
      await unlink(path).catch(() => {});
      await closeAll(server, connections);
    },
  };
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
    `${dataDir} is in use by another revgate; every sidecar needs a denylist.dataDir of its own`,
  );
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** One command a connection: a line of JSON in, lines of JSON out, the last of which is `{"done":true}`. */
async function answer(socket: Socket, handler: Promise<ControlHandler>): Promise<void> {
  socket.on("error", () => socket.destroy());
  const send = (value: unknown) => socket.write(`${JSON.stringify(value)}\n`);
  const line = await firstLine(socket);
  if (line === undefined) return;
  try {
    const handle = await handler;
    for await (const value of handle(JSON.parse(line))) {
      // Whoever has left, or heard enough, is not told the rest.
      if (!socket.writable) return;
      if (!send({ value })) await drained(socket);
    }
    send({ done: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    send({ error: error instanceof RevgateError ? error.code : "control_failed", message });
  }
  socket.end();
}

/** What comes before the first line feed; undefined if the other side leaves before. */
function firstLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    const gathered = new GatheredBytes();
    const settle = (line: string | undefined) => {
      socket.off("data", take).off("close", leave);
      // What comes behind it is not looked at; that the other side leaves is noticed.
      socket.resume();
      resolve(line);
    };
    const take = (piece: Buffer) => {
      const end = piece.indexOf(lineFeed);
      gathered.add(end === -1 ? piece : piece.subarray(0, end));
      if (end !== -1) settle(gathered.bytes.toString());
    };
    const leave = () => settle(undefined);
    socket.on("data", take).on("close", leave);
  });
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once("drain", resolve);
    socket.once("close", () => resolve());
  });
}

/**
 * Sends a command to the revgate that holds a data directory, and yields its answer.
 *
 * undefined where none is running; iterating throws ControlError where it answers with an error.
 */
export async function connectControl(
  dataDir: string,
): Promise<((request: unknown) => AsyncIterable<unknown>) | undefined> {
  const socket = connect(controlPath(dataDir));
  const connected = await new Promise<boolean>((resolve, reject) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(false);
      else reject(new ControlError(`${dataDir}: cannot talk to the running revgate`, error));
    });
  });
  if (!connected) return undefined;
  return (request) => exchange(socket, request);
}

async function* exchange(socket: Socket, request: unknown): AsyncGenerator<unknown> {
  socket.write(`${JSON.stringify(request)}\n`);
  try {
    for await (const line of createInterface({ input: socket })) {
      const reply = JSON.parse(line) as {
        value?: unknown;
        done?: true;
        error?: string;
        message?: string;
      };
      if (reply.done) return;
      if (reply.error !== undefined) throw new ControlError(reply.message ?? reply.error);
      yield reply.value;
    }
  } finally {
    // Whoever has heard enough does not keep the other side waiting.
    socket.destroy();
  }
  throw new ControlError("the running revgate ended before it had answered");
}
