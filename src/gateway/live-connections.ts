import {
  type Entry,
  type EntryName,
  fallsUnder,
  inSession,
  isMeantBySession,
  isRevocation,
  keyOfName,
  namesOf,
  ofBegunSession,
  type TokenNames,
} from "../denylist/denylist.ts";
import type { CutReason } from "../observability/metrics/requests.ts";
import type { Clock } from "../platform/clock.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Route } from "./route.ts";

/** Ends a connection; called at most once. */
export type CutConnection = (reason: CutReason) => void;

/** What live connections need to know. */
export interface LiveConnectionsOptions {
  readonly clock: Clock;
  /** Whether a token has been revoked, as far as memory knows. */
  readonly isRevoked: (token: VerifiedToken) => boolean;
  /** The session to which a token was linked, as far as memory knows. */
  readonly sessionOf: (token: VerifiedToken) => string | undefined;
  /** Whose a session is, and since when, as far as memory knows. */
  readonly beginningOf: (session: string) => string | undefined;
  /** Seconds by which clocks may differ: a token counts that much longer than its `exp`. */
  readonly clockToleranceSeconds: () => number;
  /** Whether a connection ends when its token does. */
  readonly atExpiry: () => "cut" | "keep";
  /** Told of each connection that is cut. */
  readonly onCut: (reason: CutReason) => void;
}

interface Live {
  readonly token: VerifiedToken;
  /** The names of the token, and of the session that it is linked to. */
  names: TokenNames;
  readonly cut: CutConnection;
  readonly untilExpiry: boolean;
  expiry: NodeJS.Timeout | undefined;
}

/** What is done in one turn of the event loop: a cut writes to two connections, the others only look. */
const [cutsInTurn, linksInTurn, looksInTurn] = [64, 250, 1000];

/** A timer looks again after this. Most end before, and Node keeps timers of one duration in one list, at less cost. */
const lookAgainMs = 60_000;

/**
 * What goes on under a token that was checked when it began: upgraded connections, and responses that
 * are still being sent. They end when the token does.
 */
export class LiveConnections {
  readonly #options: LiveConnectionsOptions;
  /** By every name under which the token of each can be revoked. */
  readonly #byName = new Map<string, Set<Live>>();
  /** Those that wait to be taken over. */
  readonly #links: Entry[] = [];
  #isLinking = false;
  #size = 0;

  constructor(options: LiveConnectionsOptions) {
    this.#options = options;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Whether a token has been revoked meanwhile, as far as memory knows. */
  isRevoked(token: VerifiedToken): boolean {
    return this.#options.isRevoked(token);
  }

  /** How many there are whose token has that name. */
  countOf(name: EntryName): number {
    return this.#byName.get(keyOfName(name))?.size ?? 0;
  }

  /**
   * Registers one; what it returns takes it out again.
   *
   * A revocation that came in since the token was checked counts: this connection was not told of it.
   * `untilExpiry`: whether it ends with the token's lifetime, too.
   */
  add(token: VerifiedToken, cut: CutConnection, { untilExpiry = true } = {}): () => void {
    const names = this.#namesIn(this.#options.sessionOf(token), token);
    const live: Live = { token, names, cut, untilExpiry, expiry: undefined };
    this.#size += 1;
    this.#register(live);
    // Not before the caller has what this function returns.
    if (this.#options.isRevoked(token)) queueMicrotask(() => this.#cut(live, "token_revoked"));
    this.#watchExpiry(live);
    return () => this.#remove(live);
  }

  /** Cuts everything whose token an entry names. */
  revoke(entry: Entry): void {
    if (this.#size === 0) return;
    if (!isRevocation(entry.kind)) {
      this.#link(entry);
      return;
    }
    const held = [...(this.#byName.get(keyOfName(entry)) ?? [])];
    const named = held.filter(({ names }) => fallsUnder(names, entry));
    runInTurns(named, cutsInTurn, (live) => this.#cut(live, "token_revoked"));
  }

  /**
   * Has everything under a token end with the session, too, that it is linked to now, or whose beginning is known now: at a
   * refresh, say, or since the link was late. A session that has ended already ends it at once, and one that ends before
   * its turn has come ends it then.
   */
  #link(entry: Entry): void {
    this.#links.push(entry);
    if (this.#links.length === 1 && !this.#isLinking) this.#linkSome(this.#linkEach());
  }

  #linkSome(steps: Iterator<void>): void {
    for (let step = 0; step < linksInTurn; step += 1) {
      this.#isLinking = steps.next().done !== true;
      if (!this.#isLinking) return;
    }
    setImmediate(() => this.#linkSome(steps));
  }

  /** One entry after the other: a token belongs to the session that it was linked to last. */
  *#linkEach(): Generator<void> {
    for (let next = this.#links.shift(); next !== undefined; next = this.#links.shift()) {
      const { value, session } = next;
      const of: EntryName = { kind: session === undefined ? "sid" : "tok", value };
      for (const live of [...(this.#byName.get(keyOfName(of)) ?? [])]) {
        // It may have ended since.
        if (this.#unregister(live)) this.#relink(live, session ?? value);
        yield;
      }
      yield;
    }
  }

  #relink(live: Live, session: string): void {
    live.names = this.#namesIn(session, live.token);
    this.#register(live);
    if (this.#options.isRevoked(live.token)) this.#cut(live, "token_revoked");
  }

  /** All names that a token has in a session; its subject's, too, if it has none of its own. */
  #namesIn(session: string | undefined, token: VerifiedToken): TokenNames {
    const beginning = session === undefined ? undefined : this.#options.beginningOf(session);
    if (session === undefined || beginning === undefined || !isMeantBySession(token)) {
      return inSession(token, session);
    }
    return ofBegunSession(token, session, beginning);
  }

  #register(live: Live): void {
    for (const name of namesOf(live.names)) {
      const key = keyOfName(name);
      const held = this.#byName.get(key);
      if (held === undefined) this.#byName.set(key, new Set([live]));
      else held.add(live);
    }
  }

  /** False if it was not registered. */
  #unregister(live: Live): boolean {
    let was = false;
    for (const name of namesOf(live.names)) {
      const key = keyOfName(name);
      const held = this.#byName.get(key);
      if (held?.delete(live)) was = true;
      if (held?.size === 0) this.#byName.delete(key);
    }
    return was;
  }

  /** Looks anew when each of them ends: timers stand still while the machine is suspended. */
  watchAnew(): void {
    const lives = new Set([...this.#byName.values()].flatMap((some) => [...some]));
    runInTurns([...lives], looksInTurn, (live) => {
      if (this.#isHeld(live)) this.#watchExpiry(live);
    });
  }

  /** Forgets all of them, without cutting any. */
  close(): void {
    for (const lives of [...this.#byName.values()])
      for (const live of [...lives]) this.#remove(live);
  }

  #isHeld(live: Live): boolean {
    return namesOf(live.names).some((name) => this.#byName.get(keyOfName(name))?.has(live));
  }

  #watchExpiry(live: Live): void {
    clearTimeout(live.expiry);
    const { atExpiry, clock, clockToleranceSeconds } = this.#options;
    if (!live.untilExpiry || atExpiry() === "keep") return;
    // Not before it is sure: what a clock that is ahead for a moment cuts does not come back.
    const now = clock.earliestSeconds?.() ?? clock.nowSeconds();
    const leftMs = (live.token.expiresAt + clockToleranceSeconds() - now) * 1000;
    if (leftMs <= 0) {
      queueMicrotask(() => this.#cut(live, "token_expired"));
      return;
    }
    const waitMs = Math.min(Math.ceil(leftMs), lookAgainMs);
    live.expiry = setTimeout(() => this.#watchExpiry(live), waitMs).unref();
  }

  #cut(live: Live, reason: CutReason): void {
    if (!this.#remove(live)) return;
    this.#options.onCut(reason);
    live.cut(reason);
  }

  /** False if it has been taken out before. */
  #remove(live: Live): boolean {
    clearTimeout(live.expiry);
    const removed = this.#unregister(live);
    if (removed) this.#size -= 1;
    return removed;
  }
}

/** Does the first at once, and the others in turns of the event loop, so many in each: one token may have thousands. */
function runInTurns(
  lives: readonly Live[],
  inTurn: number,
  work: (live: Live) => void,
  from = 0,
): void {
  const to = from + inTurn;
  for (const live of lives.slice(from, to)) work(live);
  if (to < lives.length) setImmediate(() => runInTurns(lives, inTurn, work, to));
}

/**
 * Ends a response or connection when the token it depends on is revoked or expires. Returns a function to
 * call when it ends by itself.
 */
export function watchLive(
  live: Pick<LiveConnections, "add">,
  { route, token }: { readonly route: Route; readonly token: VerifiedToken | undefined },
  cut: CutConnection,
): () => void {
  // On a public route nothing depends on the token; and the answer to a logout outlives what it ends.
  const depends = route.access !== "public" && route.revoke === undefined;
  return token !== undefined && depends ? live.add(token, cut) : () => {};
}
