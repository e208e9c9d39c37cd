import type { Duplex } from "node:stream";
import { closeFrame, FrameTracker, textFrame } from "./frame-tracker.ts";

/** A WebSocket connection that is open at both ends, and the two ways in which revgate ends one. */
export interface OpenUpgrade {
  /**
   * Ends it at once: not a byte more goes in either direction. The client is told the reason if a frame can begin;
   * as which code, and after which message, the closing says.
   */
  readonly cut: (reason: string, closing?: Closing) => void;
  /**
   * Has both ends close it, since this revgate stops: the client gets 1001 behind the frame that is being
   * sent, and its answer goes to the application, which then closes. What they do not close in time is cut.
   */
  readonly leave: () => void;
}

/** How a client is told that its connection ends. */
export interface Closing {
  readonly code: number;
  /** A text of its protocol that says so, too. */
  readonly message?: string | undefined;
}

/** The close code for a token that is over: 4000 to 4999 are the application's own (RFC 6455 section 7.4.2). */
const unauthorized = 4401;
/** The close code for a server that goes away (RFC 6455 section 7.4.1). */
const goingAway = 1001;
/** How long a client may take to close when it has been told to. */
const closingTimeoutMs = 1000;
/** The same if nothing has to be kept from it, and for a pause in the middle of a frame. */
const leavingTimeoutMs = 2000;

/** Follows what the application sends to a client, so that a close frame can be put behind a whole one. */
export function openUpgrade(socket: Duplex, upstreamSocket: Duplex): OpenUpgrade {
  const sent = new FrameTracker();
  const follow = (chunk: Buffer) => sent.read(chunk);
  // http-proxy puts back what came after the head, and then pipes: a listener added before that would be
  // given it in the client's place. Nothing flows until after this tick.
  process.nextTick(() => upstreamSocket.on("data", follow));
  const endWithin = (timeoutMs: number) => {
    const timer = setTimeout(() => {
      socket.destroy();
      upstreamSocket.destroy();
    }, timeoutMs);
    socket.once("close", () => clearTimeout(timer));
    return timer;
  };
  let leaving = false;

  return {
    cut(reason, { code, message } = { code: unauthorized }) {
      socket.unpipe();
      upstreamSocket.unpipe(socket);
      upstreamSocket.removeAllListeners("data").pause();
      // In the middle of a frame the client would take it for a part of that.
      if (!sent.betweenFrames || sent.closing) {
        socket.destroy();
        return;
      }
      endWithin(closingTimeoutMs);
      if (message !== undefined) socket.write(textFrame(message));
      socket.end(closeFrame(code, reason));
      // What a client has sent and revgate does not read makes the system reset the connection, close frame and all.
      socket.resume();
    },
    leave() {
      if (leaving || socket.destroyed) return;
      leaving = true;
      const timer = endWithin(leavingTimeoutMs);
      // The application closes it already.
      if (sent.closing) return;
      upstreamSocket.unpipe(socket);
      upstreamSocket.off("data", follow);
      const tell = () => {
        socket.write(closeFrame(goingAway, ""));
        sent.close();
        // Nothing may follow a close frame.
        upstreamSocket.resume();
      };
      if (sent.betweenFrames) tell();
      else finishFrame({ socket, upstreamSocket, sent }, () => timer.refresh(), tell);
    },
  };
}

interface Passing {
  readonly socket: Duplex;
  readonly upstreamSocket: Duplex;
  readonly sent: FrameTracker;
}

/** Passes on the rest of the frame that is being sent, no faster than the client takes it. */
function finishFrame(
  { socket, upstreamSocket, sent }: Passing,
  onProgress: () => void,
  onEnd: () => void,
): void {
  const goOn = () => upstreamSocket.resume();
  const pass = (chunk: Buffer) => {
    onProgress();
    const length = sent.readFrame(chunk);
    const takes = socket.write(chunk.subarray(0, length));
    if (sent.betweenFrames) {
      upstreamSocket.off("data", pass);
      if (!sent.closing) onEnd();
    } else if (!takes) {
      upstreamSocket.pause();
      socket.once("drain", goOn);
    }
  };
  upstreamSocket.on("data", pass);
  if (socket.writableNeedDrain) socket.once("drain", goOn);
  else goOn();
}
