import type { Denylist } from "../denylist/denylist.ts";
import type { Checks } from "./checks.ts";
import type { LiveConnections } from "./live-connections.ts";
import type { Observer } from "./observer.ts";
import { pathForLog } from "./path-for-log.ts";

/** A denylist that keeps no answer back if it can't record a revocation: nothing rests on it. */
export function withoutHolding(denylist: Denylist): Denylist {
  return {
    lookUp: (token) => denylist.lookUp(token),
    ask: (token) => denylist.ask(token),
    knownSession: (token) => denylist.knownSession(token),
    sessionOf: (token) => denylist.sessionOf(token).catch(() => undefined),
    knownBeginning: (session) => denylist.knownBeginning(session),
    sessionsOf: (subjects) => denylist.sessionsOf(subjects).catch(() => []),
    revoke: (entries) => denylist.revoke(entries).catch(() => {}),
    async intend(entries) {
      const intent = await denylist.intend(entries);
      return {
        revoke: (more) => intent.revoke(more).catch(() => {}),
        drop: () => intent.drop(),
      };
    },
    onRevoked: (listener) => denylist.onRevoked(listener),
    entries: () => denylist.entries(),
    get size() {
      return denylist.size;
    },
    health: () => denylist.health(),
    close: () => denylist.close(),
  };
}

/** Has an observer decide; counts and logs what it lets pass that would be refused. */
export function reportOnly(
  observer: Observer,
  { verifier, metrics, log }: Pick<Checks, "verifier" | "metrics" | "log">,
): NonNullable<Checks["observe"]> {
  return (visit, admission) => {
    const decided = observer.see(verifier, visit, admission);
    if (admission.kind === "deny" && decided.kind !== "deny") {
      metrics.wouldRefuse.inc();
      log.wouldRefuse(admission.reason, {
        requestId: visit.requestId,
        method: visit.request.method,
        path: pathForLog(visit.target, visit.secretSegments),
      });
    }
    return decided;
  };
}

/** Connections that go on when their token has ended. */
export const neverCut: Pick<LiveConnections, "add" | "isRevoked"> = {
  add: () => () => {},
  isRevoked: () => false,
};
