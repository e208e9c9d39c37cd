import type { Socket } from "node:net";
import { UpstreamError } from "./upstream-error.ts";

/** How a connection to the application is made. */
export interface ConnectingOptions {
  /** Begins to connect; `onReady` is called when requests can be sent. */
  readonly connect: (onReady: () => void) => Socket;
  readonly connectTimeoutMs: number;
}

/** What becomes of it: one of the two is called, once. */
export interface Connecting {
  readonly onConnected: (socket: Socket) => void;
  /** The socket is destroyed by then. */
  readonly onFailed: (error: Error, socket: Socket) => void;
}

/** Begins to connect to the application, which is bounded in time; returns the socket at once. */
export function beginToConnect(
  { connect, connectTimeoutMs }: ConnectingOptions,
  { onConnected, onFailed }: Connecting,
): Socket {
  const socket = connect(() => {
    settle();
    onConnected(socket);
  });
  const fail = (error: Error) => {
    settle();
    socket.on("error", () => {}).destroy();
    onFailed(error, socket);
  };
  const onClose = () => fail(new UpstreamError("closed", "the connection was closed immediately"));
  const timer = setTimeout(() => {
    fail(new UpstreamError("connect_timeout", "no connection to the application in time"));
  }, connectTimeoutMs);
  const settle = () => {
    clearTimeout(timer);
    socket.off("error", fail).off("close", onClose);
  };
  return socket.on("error", fail).on("close", onClose);
}

/** What a request ends in if there will be no connection any more. */
export function shutDown(): UpstreamError {
  return new UpstreamError("aborted", "revgate is shutting down");
}
