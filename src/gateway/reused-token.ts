import type { Denylist } from "../denylist/denylist.ts";
import type { GateMetrics } from "../observability/metrics/requests.ts";
import type { RequestLog } from "../observability/request-log.ts";
import type { Clock } from "../platform/clock.ts";
import { within } from "../platform/within.ts";
import { type Lifetimes, sessionEntries } from "../revocation/entries.ts";
import type { Visit } from "./visit.ts";

/** What ends the session of a token that comes again, and who is told. */
export interface ReuseOptions {
  readonly denylist: Pick<Denylist, "revoke" | "sessionOf" | "lookUp">;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly holdTimeoutMs: number;
  readonly metrics: Pick<GateMetrics<string>, "reusedTokens">;
  readonly log: Pick<RequestLog, "reusedToken">;
}

/** A name that nothing has, for look-ups of the session alone. */
const nobody = "A".repeat(43);

/**
 * Ends the session of a token that was replaced and comes again: one of two who have it is not its owner (RFC 9700
 * section 4.14.2).
 *
 * Resolves when that is in force, or takes too long: the token is refused in any case. A session that has ended already is
 * not ended again, however often it is asked for.
 */
export async function endReused(
  { denylist, clock, lifetimes, holdTimeoutMs, metrics, log }: ReuseOptions,
  { requestId, reusedToken: token }: Pick<Visit, "requestId" | "reusedToken">,
): Promise<void> {
  if (token === undefined) return;
  try {
    const session = await denylist.sessionOf(token);
    if (session === undefined || denylist.lookUp({ id: nobody, sid: session }) === "revoked")
      return;
    metrics.reusedTokens.inc();
    log.reusedToken(requestId, token.id);
    const entries = sessionEntries({ sid: undefined, session }, clock.nowSeconds(), lifetimes);
    const tooLate = () => new Error("it goes on");
    await within(denylist.revoke(entries), { limitMs: holdTimeoutMs, tooLate });
  } catch {
    // In force here, and tried again; or the session is unknown, and the next request will ask again.
  }
}
