import type { Clock, EpochSeconds } from "../../platform/clock.ts";
import { type BegunSession, parseBeginning } from "../beginning.ts";
import {
  type Entry,
  type EntryKind,
  type EntryName,
  fallsUnder,
  inSession,
  isMeantBySession,
  linksOf,
  type OnRevoked,
  ofBegunSession,
  type TokenNames,
} from "../denylist.ts";
import { cutOf } from "../joined-entries.ts";
import { keptBeyondSeconds } from "../retention.ts";
import { ExpiringTable } from "./expiring-table.ts";
import { SessionIndex } from "./session-index.ts";

/** A name that no token has. */
const noToken = "A".repeat(43);

/** Every live revocation this sidecar knows of, in memory: what answers a request, synchronously. */
export class RevocationTable {
  /** One a kind: who may choose a subject must not be able to name somebody's token. */
  readonly #tables: Readonly<Record<EntryKind, ExpiringTable>>;

  /** Those of a subject that logs in all day are many: what has ended is not looked at again. */
  readonly #sessions = new SessionIndex(
    (session) => this.#tables.ses.has(session) && !this.#tables.sid.has(session),
  );
  readonly #listeners: OnRevoked[] = [];
  /** The latest deadline of those that came when they were over already. */
  #cameLate: EpochSeconds = 0;
  /** The latest deadline of those that the journal has, or had, and that were left out as being over. */
  #leftOut: EpochSeconds = 0;

  #forgottenUntil: EpochSeconds = 0;

  constructor(clock: Clock) {
    this.#tables = {
      tok: new ExpiringTable(clock),
      jti: new ExpiringTable(clock),
      sid: new ExpiringTable(clock),
      sub: new ExpiringTable(clock, { withCutoffs: true }),
      lnk: new ExpiringTable(clock),
      ses: new ExpiringTable(clock),
    };
  }

  /** Entries held, those included that expired since the last sweep. */
  get size(): number {
    return Object.values(this.#tables).reduce((sum, { size }) => sum + size, 0);
  }

  /** Whose a session is, and since when; undefined: that was not noted. */
  beginningOf(session: string): string | undefined {
    return this.#tables.ses.textOf(session);
  }

  /** The sessions of a subject that have not ended, by all of its names. */
  sessionsOf(subjects: readonly string[]): readonly BegunSession[] {
    const names = subjects.flatMap((subject) => this.#sessions.of(subject));
    return names.flatMap((name) => {
      const text = this.beginningOf(name);
      if (text === undefined) return [];
      const { subject, begunMs, order } = parseBeginning(text);
      const issuedAt = begunMs / 1000;
      // Not by its first token: that may have been replaced since.
      const isOver = this.has({ id: noToken, sid: name, subject, issuedAt });
      return isOver ? [] : [{ name, begunMs, order }];
    });
  }

  /** The session to which a token was linked; undefined: none that is known. */
  sessionOf(token: TokenNames): string | undefined {
    const { lnk } = this.#tables;
    if (lnk.size === 0) return undefined;
    const own = lnk.textOf(token.id);
    if (own !== undefined || token.others === undefined) return own;
    return linksOf(token)
      .map(({ value }) => lnk.textOf(value))
      .find((session) => session !== undefined);
  }

  /**
   * The latest deadline of all revocations that were forgotten: the sweep line.
   *
   * It is behind the right time, unless the clock was ahead when they were forgotten.
   */
  get forgottenUntil(): EpochSeconds {
    return this.#forgottenUntil;
  }

  /** Notes that a revocation came with a deadline that was over already. */
  cameLate({ expiresAt }: Entry): void {
    this.#cameLate = Math.max(this.#cameLate, expiresAt);
    this.#drawSweepLine();
  }

  /** Notes that a revocation of the journal with that deadline was left out because it was over. */
  leftOut(deadline: EpochSeconds): void {
    this.#leftOut = Math.max(this.#leftOut, deadline);
    this.#drawSweepLine();
  }

  /** Begins anew to note what is forgotten, before everything is loaded from the journal once more. */
  resetForgotten(): void {
    this.#leftOut = 0;
    for (const table of Object.values(this.#tables)) table.resetForgotten();
    this.#drawSweepLine();
  }

  /** Whether a revocation of the token may have been forgotten already. */
  mayHaveForgotten({ expiresAt }: TokenNames): boolean {
    return expiresAt !== undefined && expiresAt + keptBeyondSeconds <= this.forgottenUntil;
  }

  /** Whether one of the token's names has been revoked, or the session to which it was linked. */
  has(token: TokenNames): boolean {
    const { tok, jti, sid, sub } = this.#tables;
    if (tok.has(token.id)) return true;
    if (jti.size > 0 && token.jti !== undefined && jti.has(token.jti)) return true;
    if (sid.size > 0 && this.#hasEndedSession(token)) return true;
    if (token.subject !== undefined && this.#isCutOff(token.subject, token)) return true;
    if (sub.size > 0 && isMeantBySession(token) && this.#isCutOffWithSession(token)) return true;
    return token.others?.some((name) => this.#isRevokedBy(name, token)) ?? false;
  }

  #isCutOffWithSession(token: TokenNames): boolean {
    const session = this.sessionOf(token);
    const beginning = session === undefined ? undefined : this.beginningOf(session);
    if (session === undefined || beginning === undefined) return false;
    const begun = ofBegunSession(token, session, beginning);
    return begun.subject !== undefined && this.#isCutOff(begun.subject, begun);
  }

  #hasEndedSession(token: TokenNames): boolean {
    const { sid } = this.#tables;
    if (token.sid !== undefined && sid.has(token.sid)) return true;
    const session = this.sessionOf(token);
    return session !== undefined && sid.has(session);
  }

  #isRevokedBy({ kind, value }: EntryName, token: TokenNames): boolean {
    return kind === "sub" ? this.#isCutOff(value, token) : this.#tables[kind].has(value);
  }

  #isCutOff(subject: string, token: TokenNames): boolean {
    const { sub } = this.#tables;
    if (sub.size === 0) return false;
    const cutoff = sub.cutoffOf(subject);
    if (cutoff === undefined || !fallsUnder(token, { cutoff })) return false;
    // Few are spared anything, and only those that fall under a cut-off have to be looked at twice.
    const sparing = sub.textOf(subject);
    if (sparing === undefined) return true;
    return fallsUnder(inSession(token, this.sessionOf(token)), { cutoff, sparing });
  }

  /**
   * Adds a revocation; returns whether that says more than the table knew. `shared`: it comes from Redis, which has
   * acknowledged it.
   */
  add(entry: Entry, { shared = false } = {}): boolean {
    const table = this.#tables[entry.kind];
    const { value, expiresAt, beginning } = entry;
    const fact = entry.session ?? beginning;
    const isNews =
      fact === undefined
        ? table.add(value, expiresAt, cutOf(entry), shared)
        : table.link(value, expiresAt, fact, shared);
    if (beginning !== undefined) this.#sessions.add(parseBeginning(beginning).subject, value);
    // To make room, the table may have dropped others.
    if (table.forgottenUntil > this.#forgottenUntil) this.#drawSweepLine();
    for (const listener of this.#listeners) listener(entry, isNews);
    return isNews;
  }

  /** Notes that Redis has acknowledged an entry; changes nothing if the table knows more of its name. */
  markShared(entry: Entry): void {
    this.#tables[entry.kind].markShared(entry.value, entry.expiresAt, cutOf(entry));
  }

  /** Whether Redis has acknowledged all that the table knows of a name. */
  isShared({ kind, value }: EntryName): boolean {
    return this.#tables[kind].isShared(value);
  }

  /** Calls back for every revocation that is added from now on, whether it is news or not. */
  onAdded(listener: OnRevoked): void {
    this.#listeners.push(listener);
  }

  /** Drops what has expired among the next `entries` of each kind, and goes on there the next time. */
  sweep(entries: number): void {
    for (const table of Object.values(this.#tables)) table.sweep(entries);
    this.#sessions.sweep(entries);
    this.#drawSweepLine();
  }

  /** Not when it is asked for: every request asks. */
  #drawSweepLine(): void {
    const { tok, jti, sid, sub, lnk, ses } = this.#tables;
    this.#forgottenUntil = Math.max(
      ...[this.#cameLate, this.#leftOut, tok.forgottenUntil, jti.forgottenUntil],
      ...[sid.forgottenUntil, sub.forgottenUntil, lnk.forgottenUntil, ses.forgottenUntil],
    );
  }
}
