import type { Denylist } from "../denylist/denylist.ts";
import { StoreUnavailableError } from "../errors.ts";
import { type Clock, earliestSeconds } from "../platform/clock.ts";
import { within } from "../platform/within.ts";
import { type Lifetimes, tokenEntry } from "../revocation/entries.ts";
import { begun, inSession, linksFor, linkTogether, prolonged } from "../revocation/sessions.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { HeldResponse, Hold } from "../upstream/held-response.ts";
import { type HandedOutReading, readHandedOut } from "./handed-out.ts";
import type { HoldOptions } from "./hold-options.ts";
import type { HandedOutSource, Route } from "./route.ts";
import { beginLimited, type Login } from "./session-limit.ts";
import { isProof, type UnprovenBudget } from "./unproven.ts";

/** What links the tokens of an answer, and who is told. */
export interface LinkOptions extends HandedOutReading, Pick<HoldOptions, "onHold"> {
  readonly denylist: Pick<
    Denylist,
    "revoke" | "sessionOf" | "sessionsOf" | "knownBeginning" | "lookUp"
  >;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly holdTimeoutMs: number;
  readonly unprovenLinks: UnprovenBudget;
  /** Told if tokens stay unlinked, since too many were linked that revgate can't check. */
  readonly onTooManyLinks: () => void;
  /** Told of the tokens that were handed out, when they are linked. */
  readonly onHandedOut: (tokens: readonly VerifiedToken[]) => void;
  /** Told if an answer with which a session begins handed out nothing. */
  readonly onNothingHandedOut: () => void;
  /** Told if tokens went out whose link is not known everywhere yet. */
  readonly onUnlinked: (cause: Error) => void;
}

/**
 * Notes which tokens belong together that an answer hands out, before it is passed on.
 *
 * The answer goes out even if the note is late: somebody who logs in does not wait for Redis to come back. The link is
 * in the outbox then, and it is told. Not if it ends other sessions of the user's: then it waits for that.
 */
export function linkHandedOut(
  route: Route,
  carried: VerifiedToken | undefined,
  options: LinkOptions,
): Hold {
  return {
    onResponse(response) {
      const { session, handsOut = [] } = route;
      if (response.status < 400) return link(route, { carried, response, handsOut }, options);
      // No user logs in by a failure, but many frameworks put another cookie into every answer.
      if (session !== "continues") return undefined;
      const inHead = handsOut.filter(({ kind }) => kind !== "responseJson");
      return link(route, { carried, response, handsOut: inHead }, options);
    },
    onLost: async () => {},
  };
}

interface Handed {
  readonly carried: VerifiedToken | undefined;
  readonly response: HeldResponse;
  readonly handsOut: readonly HandedOutSource[];
}

async function link(
  route: Route,
  { carried, response, handsOut }: Handed,
  options: LinkOptions,
): Promise<void> {
  const { clock, lifetimes, denylist } = options;
  const opaqueUntil = clock.nowSeconds() + lifetimes.maxLifetimeSeconds;
  const reading = { ...options, opaqueUntil };
  let isUnread = mayHoldTokens(response, handsOut);
  const readBody = async (maxBytes: number) => {
    const body = await response.readBody(maxBytes);
    isUnread = body === undefined;
    return body;
  };
  const handedOut = await readHandedOut(handsOut, { ...response, readBody }, reading);
  if (handedOut.length === 0) return foundNothing(route, { carried, isUnread }, options);
  const { maxSessions } = route;
  const owner = handedOut.find(hasSubject);
  if (maxSessions !== undefined && owner !== undefined) {
    await beginLimited({ handedOut, owner }, maxSessions, options);
    options.onHandedOut(handedOut);
    return;
  }
  if (maxSessions !== undefined) options.onNothingHandedOut();
  const isProven = isIssued(handedOut) || carriesProof(route, carried, options);
  if (!isProven && !options.unprovenLinks.take(handedOut.length)) {
    options.onTooManyLinks();
    options.onHandedOut(handedOut);
    return;
  }
  const noted = async () => {
    const before = route.session === "continues" ? carried : undefined;
    const session = before && (await sessionOr(before, options));
    const linked = linkTogether(handedOut, before && inSession(before, session));
    const replaced = route.reused === "end" && before ? [tokenEntry(before)] : [];
    const whose =
      before === undefined ? begun(linked, earliestSeconds(clock)) : prolonged(linked, denylist);
    await denylist.revoke([...linksFor(linked), ...whose, ...replaced]);
  };
  await note(noted(), options);
  options.onHandedOut(handedOut);
}

/** Tells that an answer handed out nothing, or nothing that was found: then the token that brought it counts as replaced. */
async function foundNothing(
  route: Route,
  { carried, isUnread }: { carried: VerifiedToken | undefined; isUnread: boolean },
  options: LinkOptions,
): Promise<void> {
  // Pages need hand out none: there, only an answer that can't be looked into is told of.
  if (route.session === "begins" || isUnread) options.onNothingHandedOut();
  if (!isUnread || route.reused !== "end" || carried === undefined) return;
  await note(options.denylist.revoke([tokenEntry(carried)]), options);
}

/** Waits for a note as long as an answer may wait for it. */
async function note(
  noted: Promise<void>,
  { holdTimeoutMs, onUnlinked }: LinkOptions,
): Promise<void> {
  await within(noted, {
    limitMs: holdTimeoutMs,
    tooLate: () => new StoreUnavailableError("linking tokens takes too long; it goes on"),
  }).catch(onUnlinked);
}

/** Whether a success says something where tokens may be, in a form that is not read or too long. */
function mayHoldTokens({ status }: HeldResponse, handsOut: readonly HandedOutSource[]): boolean {
  return status < 300 && status !== 204 && handsOut.some(({ kind }) => kind === "responseJson");
}

function hasSubject(token: VerifiedToken): token is Login["owner"] {
  return token.subject !== undefined;
}

/**
 * The session that a token was linked to. If that can't be known, it counts as linked to none: so the tokens that replace
 * it end with it at least, and it is told.
 */
function sessionOr(
  token: VerifiedToken,
  { denylist, onUnlinked }: LinkOptions,
): Promise<string | undefined> {
  return denylist.sessionOf(token).catch((error: Error) => {
    onUnlinked(error);
    return undefined;
  });
}

/**
 * Whether an issuer's token shows that somebody has logged in. Many applications give any visitor a cookie, and each link
 * is remembered for as long as a token may live.
 */
function isIssued(handedOut: readonly VerifiedToken[]): boolean {
  return handedOut.some(({ isOpaque }) => isOpaque !== true);
}

/** Whether a session goes on by a live token of an issuer's. One that begins shows nothing by what came with the request. */
function carriesProof(
  route: Route,
  carried: VerifiedToken | undefined,
  options: LinkOptions,
): boolean {
  return route.session === "continues" && carried !== undefined && isProof(options, route, carried);
}
