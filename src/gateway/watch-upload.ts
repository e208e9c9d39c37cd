import type { Admitted } from "./checks.ts";
import type { CutConnection, LiveConnections } from "./live-connections.ts";
import type { Visit } from "./visit.ts";

/**
 * Ends a request whose token is revoked before its body is whole: the application has it done when the last byte comes. Returns
 * a function to call when the request ends by itself.
 *
 * Most bodies are whole in the turn in which their head came, and nothing more is done for them. An upload may outlast its
 * token's `exp`.
 */
export function watchUpload(
  live: Pick<LiveConnections, "add">,
  { request }: Pick<Visit, "request">,
  { route, token }: Pick<Admitted, "route" | "token">,
  cut: CutConnection,
): () => void {
  if (token === undefined || route.access === "public" || route.revoked === "forward")
    return () => {};
  let forget = () => {};
  const waiting = setImmediate(() => {
    if (request.readableEnded) return;
    forget = live.add(token, cut, { untilExpiry: false });
    request.on("end", forget);
  });
  return () => {
    clearImmediate(waiting);
    forget();
  };
}

/** Whether a request may still go that had to wait for a connection after it was checked. */
export function mayStillGo(
  live: Pick<LiveConnections, "isRevoked">,
  { route, token }: Pick<Admitted, "route" | "token">,
): boolean {
  const depends = token !== undefined && route.access !== "public" && route.revoked !== "forward";
  return !depends || !live.isRevoked(token);
}
