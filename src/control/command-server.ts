import { createServer, type Server, type Socket } from "node:net";
import { ControlError, RevgateError } from "../errors.ts";
import { readJson } from "../http/json.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import { GatheredBytes } from "../platform/gathered-bytes.ts";
import { createPlaces } from "../platform/places.ts";

/** Answers one command; every value it yields goes back as a line. Throws RevgateError for what can't be done. */
export type ControlHandler = (request: unknown) => AsyncIterable<unknown>;

const lineFeed = 0x0a;
/** The most entries that a command may bring are a sixth of it. */
const maxCommandBytes = 1_048_576;
const maxConnections = 64;
/** Stands for a command beyond that. */
const tooLong = Symbol("too long");

/**
 * Makes the server of the control socket, and the set of its connections: one command a connection, a line of
 * JSON in, lines of JSON out, the last of which is `{"done":true}`.
 *
 * It is the last line of defence for what comes in there.
 */
export function createCommandServer(
  handler: Promise<ControlHandler>,
  onUncaught: ReportUncaught,
): { readonly server: Server; readonly connections: ReadonlySet<Socket> } {
  const connections = new Set<Socket>();
  const takePlace = createPlaces(() => maxConnections);
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    // All are the owner's: the one that has waited longest gives way.
    const place = takePlace("owner", () => socket.destroy());
    if (place === undefined) {
      socket.destroy();
      return;
    }
    connections.add(socket);
    socket.once("close", () => {
      connections.delete(socket);
      place.leave();
    });
    serve(socket, handler, place.work).catch((error: unknown) => {
      onUncaught("control", error);
      socket.destroy();
    });
  });
  server.on("error", (error) => onUncaught("control", error));
  return { server, connections };

  async function serve(socket: Socket, ready: Promise<ControlHandler>, work: () => () => void) {
    const line = await firstLine(socket);
    if (line === undefined) return;
    const end = work();
    try {
      await answer(socket, line, ready);
    } catch (error) {
      if (!(error instanceof RevgateError)) onUncaught("control", error);
      sendLine(socket, describeFailure(error));
    } finally {
      end();
    }
    socket.end();
  }
}

function describeFailure(error: unknown): { readonly error: string; readonly message: string } {
  if (error instanceof RevgateError) return { error: error.code, message: error.message };
  return { error: "control_failed", message: "a bug in revgate; its log has the error" };
}

function sendLine(socket: Socket, value: unknown): boolean {
  return socket.write(`${JSON.stringify(value)}\n`);
}

async function answer(
  socket: Socket,
  line: string | typeof tooLong,
  handler: Promise<ControlHandler>,
): Promise<void> {
  if (line === tooLong) throw new ControlError(`expected at most ${maxCommandBytes} bytes`);
  const command = readJson(line);
  if (command === undefined) throw new ControlError("expected a line of JSON");
  const handle = await handler;
  for await (const value of handle(command)) {
    // A client that has left, or heard enough, is not told the rest.
    if (!socket.writable) return;
    if (!sendLine(socket, { value })) await drained(socket);
  }
  sendLine(socket, { done: true });
}

/** What comes before the first line feed; undefined if the other side leaves before. */
function firstLine(socket: Socket): Promise<string | typeof tooLong | undefined> {
  return new Promise((resolve) => {
    const gathered = new GatheredBytes();
    const settle = (line: string | typeof tooLong | undefined) => {
      socket.off("data", take).off("close", leave);
      // What comes behind it is not looked at; that the other side leaves is noticed.
      socket.resume();
      resolve(line);
    };
    const take = (piece: Buffer) => {
      const end = piece.indexOf(lineFeed);
      gathered.add(end === -1 ? piece : piece.subarray(0, end));
      if (gathered.length > maxCommandBytes) settle(tooLong);
      else if (end !== -1) settle(gathered.bytes.toString());
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
