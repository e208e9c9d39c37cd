import { once } from "node:events";
import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import type { DestinationStream } from "pino";

/** Where the lines of the log go; lines that can't be written are dropped, never waited for. */
export interface LogOutput extends DestinationStream {
  /** Called with each number of lines that were dropped. */
  onDropped(listener: (lines: number) => void): void;
  /** Gives up what its reader has not taken within `timeoutMs`; nothing can be written any more. */
  close(timeoutMs: number): Promise<void>;
}

/** Max bytes that wait for the reader of a pipe. */
const maxWaitingBytes = 1_048_576;

/**
 * Writes lines to a file descriptor, whatever becomes of it: a full disk, a pipe that no one reads, a reader
 * that has left.
 *
 * What can't be written is dropped and counted, and tried again with the next line. The first line that can
 * be written again is followed by one that says how many are missing, and why.
 */
export function openLogOutput(descriptor: number): LogOutput {
  const listeners: ((lines: number) => void)[] = [];
  let missing = 0;
  let cause = "";
  const drop = (lines: number, why: string) => {
    missing += lines;
    cause = why;
    for (const listener of listeners) listener(lines);
  };
  const { put, close } = isStream(descriptor) ? toStream(descriptor, drop) : toFile(descriptor);
  return {
    close,
    write(line) {
      const trouble = put(line);
      if (trouble !== undefined) drop(1, trouble);
      else if (missing > 0 && put(missingLine(missing, cause)) === undefined) missing = 0;
    },
    onDropped(listener) {
      listeners.push(listener);
      if (missing > 0) listener(missing);
    },
  };
}

interface Sink {
  /** Writes a line; returns why it could not be. */
  put(line: string): string | undefined;
  close(timeoutMs: number): Promise<void>;
}

/** A pipe or a socket. Node's own `process.stdout` keeps whatever its reader does not take. */
function isStream(descriptor: number): boolean {
  const stats = fstatSync(descriptor);
  return stats.isFIFO() || stats.isSocket();
}

function toStream(descriptor: number, drop: (lines: number, why: string) => void): Sink {
  const stream = new Socket({ fd: descriptor, readable: false, writable: true });
  // The log alone keeps no process alive.
  stream.unref();
  let broken: string | undefined;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    broken = error.code ?? error.message;
  });
  return {
    put(line) {
      if (broken !== undefined) return broken;
      if (stream.writableLength + line.length > maxWaitingBytes) return "no one reads it";
      stream.write(line, (error) => {
        if (error) drop(1, (error as NodeJS.ErrnoException).code ?? error.message);
      });
      return undefined;
    },
    async close(timeoutMs) {
      if (stream.closed) return;
      const timer = setTimeout(() => stream.destroy(), timeoutMs);
      stream.end();
      await once(stream, "close").catch(() => {});
      clearTimeout(timer);
    },
  };
}

function toFile(descriptor: number): Sink {
  let torn = false;
  return {
    put(line) {
      const bytes = Buffer.from(torn ? `\n${line}` : line);
      try {
        const written = writeSync(descriptor, bytes);
        torn = written < bytes.length;
        return torn ? "ENOSPC" : undefined;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? String(error);
      }
    },
    async close() {},
  };
}

function missingLine(lines: number, cause: string): string {
  const time = new Date().toISOString();
  const msg = "log lines could not be written and were dropped";
  return `${JSON.stringify({ level: "warn", time, lines, cause, msg })}\n`;
}
