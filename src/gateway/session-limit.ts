import { type BegunSession, formatBeginning } from "../denylist/beginning.ts";
import type { Denylist, Entry } from "../denylist/denylist.ts";
import { RevocationPendingError } from "../errors.ts";
import { type Clock, earliestSeconds } from "../platform/clock.ts";
import { largestOf } from "../platform/extremes.ts";
import { within } from "../platform/within.ts";
import { type Lifetimes, sessionEntries } from "../revocation/entries.ts";
import { beginningEntry, begunMsOf, linksFor, linkTogether } from "../revocation/sessions.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { HoldOptions } from "./hold-options.ts";

/** What sessions begin and end with, and who is told. */
export interface SessionLimitOptions extends Pick<HoldOptions, "onHold" | "holdTimeoutMs"> {
  readonly denylist: Pick<Denylist, "revoke" | "sessionsOf">;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
}

/** The tokens of a login, one of which names their user. */
export interface Login {
  readonly handedOut: readonly VerifiedToken[];
  readonly owner: VerifiedToken & { readonly subject: string };
}

/**
 * Begins a session with the tokens that an answer hands out, and ends the user's oldest ones beyond `max`.
 *
 * When it resolves, they have ended at every sidecar. If it rejects, the answer must not go out: how many sessions the user
 * has is unknown, or some that should have ended may live on elsewhere. Decision 0069.
 */
export async function beginLimited(
  login: Login,
  max: number,
  options: SessionLimitOptions,
): Promise<void> {
  const { denylist, holdTimeoutMs } = options;
  const tokens = linkTogether(login.handedOut, undefined);
  const session = tokens[0]?.session ?? login.owner.id;
  const subjects = subjectNamesOf(login);
  const begin = async () => {
    const before = await denylist.sessionsOf(subjects);
    const begunMs = begunMsOf(login.owner, earliestSeconds(options.clock));
    const order = laterThan(before, begunMs);
    const beginning = formatBeginning({ subject: login.owner.subject, begunMs, order });
    // First this alone: if it can't be told to all, the login fails, and no other session must have ended for it.
    await revoke([...linksFor(tokens), beginningEntry(session, beginning, tokens)], options);
    // Of logins in the same moment, at whatever sidecars, the one whose session is known last sees all.
    const beyond = oldestBeyond(max, await denylist.sessionsOf(subjects));
    if (beyond.length > 0) await revoke(endsOf(beyond, options), options);
  };
  try {
    await within(begin(), {
      limitMs: holdTimeoutMs,
      tooLate: () => new RevocationPendingError("ending sessions takes too long; it continues"),
    });
  } catch (error) {
    // No client gets its tokens: it must not take the place of one that is in use.
    denylist.revoke(endsOf([{ name: session }], options)).catch(() => {});
    throw error;
  }
}

/** What a user is called, in all forms. */
function subjectNamesOf({ owner }: Login): string[] {
  const former = owner.former ?? [];
  return [owner.subject, ...former.flatMap(({ kind, value }) => (kind === "sub" ? [value] : []))];
}

/** The place of a session after all that began before, whatever their clocks said. */
function laterThan(sessions: readonly BegunSession[], begunMs: number): number {
  return Math.max(begunMs, largestOf(sessions, ({ order }) => order) + 1);
}

/** The oldest of some sessions, without the `count` latest; every sidecar has them in the same order. */
function oldestBeyond(count: number, sessions: readonly BegunSession[]): readonly BegunSession[] {
  const byAge = [...sessions].sort(
    (one, other) => one.order - other.order || (one.name < other.name ? -1 : 1),
  );
  return byAge.slice(0, Math.max(0, byAge.length - count));
}

function endsOf(
  sessions: readonly Pick<BegunSession, "name">[],
  { clock, lifetimes }: SessionLimitOptions,
): Entry[] {
  const now = clock.nowSeconds();
  return sessions.flatMap(({ name }) => sessionEntries({ sid: name }, now, lifetimes));
}

/** Puts entries in force everywhere, and measures how long that holds the answer. */
async function revoke(
  entries: readonly Entry[],
  { denylist, onHold }: SessionLimitOptions,
): Promise<void> {
  const onEnd = onHold(entries);
  try {
    await denylist.revoke(entries);
  } catch (error) {
    onEnd(false);
    throw error;
  }
  onEnd(true);
}
