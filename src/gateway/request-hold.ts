import { withSessions } from "../revocation/sessions.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Hold } from "../upstream/held-response.ts";
import type { Admitted } from "./checks.ts";
import { clientNetwork } from "./client-address.ts";
import type { Forwarding } from "./forwarding.ts";
import { watchHandedOut } from "./handed-out.ts";
import { linkHandedOut } from "./handed-out-links.ts";
import { holdFor } from "./hold.ts";
import type { Carried, HoldOptions } from "./hold-options.ts";
import { nobody, subjectsInRequest } from "./named-subjects.ts";
import { pathForLog } from "./path-for-log.ts";
import { countUnproven, type UnprovenBudget } from "./unproven.ts";
import type { Visit } from "./visit.ts";

/** What holds the application's answer back, where it may revoke something. */
export function holdOn(
  gate: Forwarding,
  visit: Visit,
  admitted: Admitted,
): Promise<Hold> | undefined {
  const { route, token, otherTokens, spared } = admitted;
  // Most requests: nothing is put together for them.
  if (route.revoke === undefined && route.only === undefined) return undefined;
  const sent = token === undefined ? [] : [token];
  const endsOwn = route.revoke !== undefined && route.keepsCarriedToken !== true;
  const own = endsOwn ? sent.map((each) => asItStands(gate, route, each)) : [];
  const { names } = gate.verifier;
  const named = subjectsInRequest(route, visit, names);
  const subjects = route.expectsCarried && token === undefined ? [...named, nobody] : named;
  const unproven = countUnproven(gate, admitted, subjects);
  const kept = [...sent, ...spared];
  const carried = { tokens: [...own, ...otherTokens], kept, subjects, unproven };
  const options = holdOptions(gate, visit);
  if (!needsSessions(route)) return holdFor(route, carried, options);
  return carriedWithSessions(gate, carried).then(
    (linked) => holdFor(route, linked, options) ?? releasesAtOnce,
  );
}

/**
 * The token that a request carried, marked if it has been revoked; on a logout of revgate's own, if it has expired, too: no
 * application could refuse it, and one that was found in a log would end all that its subject has.
 */
function asItStands(
  { denylist, clock }: Forwarding,
  { answered }: Admitted["route"],
  token: VerifiedToken,
): VerifiedToken {
  const isOver = answered !== undefined && token.expiresAt <= clock.nowSeconds();
  return isOver || denylist.lookUp(token) === "revoked" ? { ...token, isDead: true } : token;
}

const releasesAtOnce: Hold = { onResponse: () => undefined, onLost: async () => {} };

/** Whether it matters on a route to which session a token was linked. */
function needsSessions({ revoke, session }: Admitted["route"]): boolean {
  return revoke === "session" || revoke === "others" || session === "continues";
}

async function carriedWithSessions({ denylist }: Forwarding, carried: Carried): Promise<Carried> {
  const [tokens, kept] = await Promise.all([
    withSessions(carried.tokens, denylist),
    withSessions(carried.kept ?? [], denylist),
  ]);
  return { ...carried, tokens, kept };
}

function holdOptions(gate: Forwarding, visit: Visit): HoldOptions {
  return {
    verifier: gate.verifier,
    denylist: gate.denylist,
    clock: gate.clock,
    lifetimes: gate.lifetimes,
    onUnknownOutcome: gate.onUnknownOutcome,
    holdTimeoutMs: gate.holdTimeoutMs,
    bodyBytes: gate.bodyBytes,
    onHold: gate.metrics.startHold,
    onLost: gate.metrics.onUnknownOutcome,
    onSessionUnknown: () => {
      gate.metrics.sessionsNotFound.inc();
      gate.log.sessionUnknown(visit.requestId);
    },
    onSubjectUnknown: () => {
      gate.metrics.subjectsNotFound.inc();
      gate.log.subjectUnknown(visit.requestId);
    },
    onUnreadable: () => {
      gate.metrics.outcomesUnread.inc();
      gate.log.outcomeUnread(visit.requestId);
    },
    ...toldOfHandedOut(gate, visit),
    onRedirection: (status) =>
      gate.log.redirected(status, pathForLog(visit.target, visit.secretSegments)),
    onSubjectKept: () => {
      gate.metrics.subjectsKept.inc();
      gate.log.subjectKept(visit.requestId);
    },
    unproven: watched(gate, visit),
  };
}

/** Who is told of the tokens that an answer hands out, or that it hands out none. */
function toldOfHandedOut(gate: Forwarding, visit: Visit) {
  return {
    onHandedOut(tokens: readonly VerifiedToken[]) {
      const revoked = tokens.filter((each) => gate.denylist.lookUp(each) === "revoked");
      for (const { id } of revoked) tellRevoked(gate, visit, id);
    },
    onNothingHandedOut() {
      gate.metrics.nothingHandedOut.inc();
      gate.log.nothingHandedOut(visit.requestId);
    },
  };
}

/** What looks at the tokens that the application's answer hands out, if a rule says where. */
export function watchOn(
  gate: Forwarding,
  visit: Visit,
  { route, token }: Admitted,
): Hold | undefined {
  const { verifier, denylist, bodyBytes } = gate;
  const { handsOut: sources } = route;
  if (sources === undefined) return undefined;
  if (route.session !== undefined) {
    const onUnlinked = (cause: Error) => {
      gate.metrics.linksLate.inc();
      gate.log.linkLate(visit.requestId, cause);
    };
    const onTooManyLinks = () => {
      gate.metrics.linksUnproven.inc();
      gate.log.linksUnproven(visit.requestId);
    };
    const onHold = gate.metrics.startHold;
    const told = { ...toldOfHandedOut(gate, visit), onHold, onUnlinked, onTooManyLinks };
    const unprovenLinks = gate.unprovenLinks(clientNetwork(visit));
    return linkHandedOut(route, token, { ...gate, ...told, unprovenLinks });
  }
  const onRevoked = (id: string) => tellRevoked(gate, visit, id);
  return watchHandedOut({ sources, verifier, denylist, bodyBytes, onRevoked });
}

/** Counts and logs that a token was handed out which had been revoked. */
function tellRevoked({ metrics, log }: Forwarding, { requestId }: Visit, id: string): void {
  metrics.revokedHandedOut.inc();
  log.revokedHandedOut(requestId, id);
}

/** The budget of unproven revocations; that it was used up is counted and logged. */
function watched({ unproven, metrics, log }: Forwarding, visit: Visit): UnprovenBudget {
  const { requestId } = visit;
  const budget = unproven(clientNetwork(visit));
  return {
    giveBack: budget.giveBack,
    take(count) {
      const taken = budget.take(count);
      if (!taken) {
        metrics.unprovenRefused.inc();
        log.unprovenRefused(requestId);
      }
      return taken;
    },
  };
}
