import type { Entry } from "../denylist/denylist.ts";
import type { Clock, EpochSeconds } from "../platform/clock.ts";
import { certainSeconds } from "../revocation/cut-off.ts";
import { endOfAll, type Lifetimes, subjectEntry } from "../revocation/entries.ts";
import type { Whose } from "../token/events/logout-token.ts";
import type { EventSource } from "../token/events/security-event.ts";
import type { SignalledWhose } from "../token/events/shared-signals.ts";
import type { Names } from "../token/names.ts";

/** An identity provider that says when sessions end. */
export interface SignalSource extends EventSource {
  /**
   * What a logout ends: everything that its event names, or the session alone where it names one. The
   * latter takes tokens with a `sid`.
   */
  readonly ends: "subject" | "session";
}

/** What the names and times of revocations are made with. */
export interface SignalledEntriesOptions {
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly names: Names;
  /** By issuer of tokens, what its subjects, sessions and `jti` are told apart by. */
  readonly namespaces: ReadonlyMap<string | undefined, string | undefined>;
}

/**
 * Says which revocations an event of a source is. Tokens issued after `until` are not meant; by default, those
 * issued from now on.
 *
 * Throws StoreUnavailableError if an event names a subject and the time is in doubt.
 */
export function signalledEntries(
  source: SignalSource,
  whose: readonly SignalledWhose[],
  {
    clock,
    lifetimes,
    namespaces,
    names,
    until = Number.POSITIVE_INFINITY,
  }: SignalledEntriesOptions & { readonly until?: EpochSeconds | undefined },
): Entry[] {
  const cutsOff = whose.some(({ subject }) => subject !== undefined);
  const now = cutsOff ? certainSeconds(clock) : clock.nowSeconds();
  const cutoff = Math.floor(Math.min(now, until));
  const expiresAt = endOfAll(now, lifetimes);
  return whose.flatMap((each) => {
    const { issuer = source.issuer } = each;
    // An issuer of tokens speaks of its own; others say whose they mean, or mean the main one's.
    const foreign = namespaces.has(source.issuer) && issuer !== source.issuer;
    if (foreign || (each.issuer !== undefined && !namespaces.has(issuer))) return [];
    const namespace = namespaces.get(issuer);
    const { sid, subject, jti } = pick(each, source);
    const entries: Entry[] = [];
    for (const [kind, text] of [
      ["sid", sid],
      ["jti", jti],
    ] as const) {
      const name = names.claim(kind, namespace, text);
      if (name !== undefined) entries.push({ kind, ...name, expiresAt });
    }
    const name = names.claim("sub", namespace, subject);
    if (name !== undefined) entries.push({ ...subjectEntry(name, now, lifetimes), cutoff });
    return entries;
  });
}

function pick({ sid, subject, jti }: Whose, { ends }: SignalSource): Whose {
  return ends === "session" && sid !== undefined ? { sid } : { sid, subject, jti };
}
