import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { FieldLines } from "../../http/field-lines.ts";
import { FrameBudget } from "../../node-http/http2/frame-budget.ts";

/** Who is told of a connection that was cut. */
export type TellFlood = (peer: string, why: string) => void;

const checkEveryMs = 1000;
const frameBytes = 9;

/**
 * Cuts connections that keep revgate busy with frames that carry nothing, as on the clients' port. Returns what begins
 * to look at one; call it when its session has been made.
 */
export function watchFloods(tell: TellFlood): (session: ServerHttp2Session) => void {
  const open = new Map<ServerHttp2Session, { readonly budget: FrameBudget; peer: string }>();
  let timer: NodeJS.Timeout | undefined;
  let checkedMs = 0;

  const check = () => {
    const nowMs = performance.now();
    const seconds = (nowMs - checkedMs) / 1000;
    checkedMs = nowMs;
    for (const [session, { budget, peer }] of open) {
      if (session.destroyed || !budget.isSpent(seconds)) continue;
      tell(peer, "too many frames that carry nothing");
      // With an error to destroy() it would count as a mistake of the protocol.
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      session.destroy();
    }
  };

  return (session) => {
    const budget = new FrameBudget(session.socket);
    open.set(session, { budget, peer: session.socket.remoteAddress ?? "unknown" });
    if (timer === undefined) {
      checkedMs = performance.now();
      timer = setInterval(check, checkEveryMs).unref();
    }
    session.on(
      "stream",
      (stream: ServerHttp2Stream, ...[, , fields]: [object, number, FieldLines]) => {
        budget.countHead(fields);
        countPieces(stream, budget);
      },
    );
    session.once("close", () => {
      open.delete(session);
      if (open.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    });
  };
}

function countPieces(stream: ServerHttp2Stream, budget: FrameBudget): void {
  const push = stream.push.bind(stream);
  stream.push = (piece: Buffer | null) => {
    if (piece !== null) budget.useful += piece.length + frameBytes;
    return push(piece);
  };
}
