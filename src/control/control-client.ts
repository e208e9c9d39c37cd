import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { ControlError } from "../errors.ts";
import { controlPath } from "./control-socket.ts";

/** A connection to a running revgate; it carries one command. */
export interface ControlConnection {
  /** Sends the command and yields the values of its answer; iterating throws ControlError if it is an error. */
  send(request: unknown): AsyncIterable<unknown>;
  /** Ends it, whether or not anything was sent; without, it keeps the process alive. */
  close(): void;
}

/** Connects to the revgate that holds a data directory; undefined if none is running. */
export async function connectControl(dataDir: string): Promise<ControlConnection | undefined> {
  const socket = connect(controlPath(dataDir));
  const connected = await new Promise<boolean>((resolve, reject) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(false);
      else reject(new ControlError(`${dataDir}: cannot talk to the running revgate`, error));
    });
  });
  if (!connected) return undefined;
  return { send: (request) => exchange(socket, request), close: () => socket.destroy() };
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
    // Anyone who has heard enough does not keep the other side waiting.
    socket.destroy();
  }
  throw new ControlError("the running revgate ended before it answered");
}
