import type { Socket } from "node:net";

/** The part of undici's parser that is needed here. */
interface Parser {
  /** Goes on where a handler has paused it; does nothing where none has. */
  resume(): void;
}

/** What an error of a connection that the application has reset is called from here on. */
export const applicationReset = "APPLICATION_RESET";

/**
 * Prepares a connection to the application for its end, before undici sees it.
 *
 * undici 7 asserts that its parser is not paused when the other side closes, and would end this process
 * over an answer that is held, or read slowly, and whose connection was not to be kept (fixed in undici 8,
 * which needs Node 22). It also takes a reset for the end of a body whose length it does not know, which
 * would make a whole answer of a broken one; by another code the error is only an error.
 */
export function prepareForClosing(socket: Socket): void {
  socket.on("end", () => parserOf(socket)?.resume());
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ECONNRESET") error.code = applicationReset;
  });
}

function parserOf(socket: Socket): Parser | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === "parser",
  );
  return symbol === undefined
    ? undefined
    : (socket as unknown as Record<symbol, Parser | undefined>)[symbol];
}
