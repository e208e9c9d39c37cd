import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { type BegunSession, formatBeginning } from "../../src/denylist/beginning.ts";
import { formatSparing, sparedName } from "../../src/denylist/cut.ts";
import type { Denylist, Entry, EntryName, TokenNames } from "../../src/denylist/denylist.ts";
import { StoreUnavailableError } from "../../src/errors.ts";
import { readyWithinMs } from "../helpers/store.ts";

/** How the suite gets a denylist, and the same one again after a crash. */
export interface DenylistSetup {
  /** Opens a denylist on fresh data; it is closed after the test. */
  open(t: TestContext): Promise<OpenedDenylist>;
}

export interface OpenedDenylist {
  readonly denylist: Denylist;
  /**
   * Opens what a crash would leave of its data now. A copy, for a journal has one writer: the denylist is not closed,
   * as it would not be in a crash, and goes on writing.
   */
  reopen(): Promise<Denylist>;
}

export const nowSeconds = () => Date.now() / 1000;

/** One moment for all entries of a run: the same name is the same entry whenever it is made. */
const start = Math.floor(nowSeconds());

export function entryFor(what: string, lifeSeconds = 1000): Entry {
  const value = createHash("sha256").update(what).digest("base64url");
  return { kind: "tok", value, expiresAt: start + lifeSeconds };
}

/** As many of them, with different names. */
export function many(what: string, count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => entryFor(`${what}${i}`));
}

/** A cut-off for all tokens of a subject. */
export function cutoffFor(subject: string, cutoff: number): Entry {
  return { ...entryFor(subject), kind: "sub", cutoff };
}

/** The same that spares one token, for as long as nothing else ends it. */
export function sparingCutoff(subject: string, cutoff: number, spared: EntryName): Entry {
  const name = sparedName(spared.value);
  const sparing = formatSparing({ madeUs: 5, spared: [{ name, handedOutUs: 0, after: 0 }] });
  return { ...cutoffFor(subject, cutoff), sparing };
}

/** A token that an entry names: that very one, or one of the subject, issued then. */
export function tokenOf({ kind, value }: EntryName, issuedAt?: number): TokenNames {
  return kind === "tok" ? { id: value } : { id: entryFor("none").value, subject: value, issuedAt };
}

/** Asks again while it cannot be said: a table may not be proved yet. */
async function sessionsOf(
  denylist: Denylist,
  subjects: readonly string[],
): Promise<readonly BegunSession[]> {
  const giveUpMs = performance.now() + readyWithinMs;
  for (;;) {
    try {
      return await denylist.sessionsOf(subjects);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || performance.now() > giveUpMs) throw error;
      await setTimeout(20);
    }
  }
}

/** The answer as the gate puts it together: memory first, then the store. */
export async function standingOf(
  denylist: Denylist,
  name: EntryName,
  issuedAt?: number,
): Promise<string> {
  const token = tokenOf(name, issuedAt);
  const known = denylist.lookUp(token);
  return known === "ask" ? denylist.ask(token) : known;
}

/** The same for one of a subject's tokens. */
async function standingOfOne(
  denylist: Denylist,
  token: string,
  { value: subject }: EntryName,
  issuedAt = 999,
): Promise<string> {
  const names = { id: entryFor(token).value, subject, issuedAt };
  const known = denylist.lookUp(names);
  return known === "ask" ? denylist.ask(names) : known;
}

/** What every denylist must do, whatever it is made of. */
export function describeDenylist(what: string, { open }: DenylistSetup): void {
  // Each has a denylist of its own, and mostly waits: for a disk, a hold, the end of an entry.
  describe(`${what} denylist`, { concurrency: 3 }, () => {
    it("knows nothing at first", async (t) => {
      const { denylist } = await open(t);
      assert.equal(await standingOf(denylist, entryFor("a")), "live");
      assert.equal(denylist.size, 0);
    });

    it("has an entry in force when revoke resolves, and no other", async (t) => {
      const { denylist } = await open(t);
      await denylist.revoke([entryFor("a")]);
      assert.equal(await standingOf(denylist, entryFor("a")), "revoked");
      assert.equal(await standingOf(denylist, entryFor("b")), "live");
    });

    it("has an entry in force here as soon as revoke is called", async (t) => {
      const { denylist } = await open(t);
      const revoked = denylist.revoke([entryFor("a")]);
      assert.equal(await standingOf(denylist, entryFor("a")), "revoked");
      await revoked;
    });

    it("answers revoked from memory for what was revoked here", async (t) => {
      const { denylist } = await open(t);
      await denylist.revoke([entryFor("a")]);
      assert.equal(denylist.lookUp(tokenOf(entryFor("a"))), "revoked");
    });

    it("keeps every entry through a crash once revoke has resolved", async (t) => {
      const { denylist, reopen } = await open(t);
      const names = Array.from({ length: 200 }, (_, i) => entryFor(`crash ${i}`));
      await Promise.all(names.map((name) => denylist.revoke([name])));
      const again = await reopen();
      const standings = await Promise.all(names.map((name) => standingOf(again, name)));
      assert.ok(standings.every((standing) => standing === "revoked"));
    });

    it("accepts the same revocation twice", async (t) => {
      const { denylist, reopen } = await open(t);
      await denylist.revoke([entryFor("a")]);
      await denylist.revoke([entryFor("a")]);
      assert.equal(denylist.size, 1);
      assert.equal(await standingOf(await reopen(), entryFor("a")), "revoked");
    });

    it("forgets an entry when its tokens have expired, and not before", async (t) => {
      const { denylist } = await open(t);
      const entry = { ...entryFor("a"), expiresAt: Math.ceil(nowSeconds()) + 1 };
      await denylist.revoke([entry]);
      // Asked again and again until it is gone; each answer must fit the time at which it was given.
      for (;;) {
        const asked = nowSeconds();
        const standing = await standingOf(denylist, entry);
        if (nowSeconds() < entry.expiresAt) assert.equal(standing, "revoked");
        if (standing === "live") break;
        // Redis ends a key at its own tick, never early.
        assert.ok(asked < entry.expiresAt + 30, "still there long after its time");
      }
    });

    it("refuses a subject's tokens up to the cut-off, and none behind it", async (t) => {
      const { denylist, reopen } = await open(t);
      const cutoff = cutoffFor("alice", 1000);
      await denylist.revoke([cutoff]);
      for (const store of [denylist, await reopen()]) {
        assert.equal(await standingOf(store, cutoff, 999), "revoked");
        assert.equal(await standingOf(store, cutoff, 1000), "revoked");
        assert.equal(await standingOf(store, cutoff, 1001), "live");
        assert.equal(await standingOf(store, cutoff, undefined), "revoked");
        assert.equal(await standingOf(store, cutoffFor("bob", 0), 999), "live");
      }
    });

    it("spares what a cut-off names, through a crash too", async (t) => {
      const { denylist, reopen } = await open(t);
      const sparing = sparingCutoff("alice", 1000, entryFor("kept"));
      const intent = await denylist.intend([sparing]);
      await intent.revoke([sparing]);
      for (const store of [denylist, await reopen()]) {
        assert.equal(await standingOfOne(store, "kept", sparing), "live");
        assert.equal(await standingOfOne(store, "other", sparing), "revoked");
      }
    });

    it("spares nothing that another cut-off ends, whichever comes first", async (t) => {
      const { denylist, reopen } = await open(t);
      const sparing = sparingCutoff("alice", 1000, entryFor("kept"));
      await denylist.revoke([sparing]);
      // One that was made before it.
      await denylist.revoke([cutoffFor("alice", 999)]);
      for (const store of [denylist, await reopen()]) {
        assert.equal(await standingOfOne(store, "kept", sparing), "revoked");
        assert.equal(await standingOfOne(store, "kept", sparing, 1000), "live");
      }
    });

    it("ends what was linked to a session, before and behind its end, through a crash too", async (t) => {
      const { denylist, reopen } = await open(t);
      const session = entryFor("first").value;
      const link = (what: string): Entry => ({ ...entryFor(what), kind: "lnk", session });
      await denylist.revoke([link("access"), link("refresh")]);
      assert.equal(await denylist.sessionOf(tokenOf(entryFor("refresh"))), session);
      assert.equal(await denylist.sessionOf(tokenOf(entryFor("another"))), undefined);
      assert.equal(await standingOf(denylist, entryFor("access")), "live");
      await denylist.revoke([{ kind: "sid", value: session, expiresAt: start + 1000 }]);
      await denylist.revoke([link("late")]);
      for (const store of [denylist, await reopen()]) {
        for (const what of ["access", "refresh", "late"]) {
          assert.equal(await standingOf(store, entryFor(what)), "revoked", what);
        }
        assert.equal(await standingOf(store, entryFor("another")), "live");
        assert.equal(await store.sessionOf(tokenOf(entryFor("late"))), session);
      }
    });

    it("knows whose sessions have not ended, and since when, through a crash too", async (t) => {
      const { denylist, reopen } = await open(t);
      const [alice, bob] = [entryFor("alice").value, entryFor("bob").value];
      const began = (what: string, subject: string, begunMs: number, lasts = 1000): Entry => {
        const beginning = formatBeginning({ subject, begunMs });
        return { ...entryFor(what), kind: "ses", beginning, expiresAt: start + lasts };
      };
      await denylist.revoke([began("one", alice, 5_000), began("two", alice, 9_000)]);
      await denylist.revoke([began("over", alice, 7_000), began("his", bob, 8_000)]);
      // What is told last need not last longest.
      await denylist.revoke([began("two", alice, 9_000, 500)]);
      await denylist.revoke([{ ...entryFor("over"), kind: "sid" }]);
      const [one, two] = [entryFor("one").value, entryFor("two").value];
      const again = await reopen();
      for (const store of [denylist, again]) {
        const sessions = [...(await sessionsOf(store, [entryFor("nobody").value, alice]))];
        sessions.sort((a, b) => a.begunMs - b.begunMs);
        assert.deepEqual(sessions, [
          { name: one, begunMs: 5_000, order: 5_000 },
          { name: two, begunMs: 9_000, order: 9_000 },
        ]);
        assert.equal(store.knownBeginning(two), `${alice} 9000`);
      }
      // A cut-off of the subject ends what began before.
      await again.revoke([{ ...cutoffFor("alice", 5), value: alice }]);
      const left = await sessionsOf(again, [alice]);
      assert.deepEqual(left, [{ name: two, begunMs: 9_000, order: 9_000 }]);
    });

    it("ends opaque tokens with the subject of their session, but for those that are spared with it", async (t) => {
      const { denylist, reopen } = await open(t);
      const { value: subject } = cutoffFor("alice", 0);
      const linked = (what: string, begunMs: number): Entry[] => {
        const { value: session } = entryFor(`session of ${what}`);
        const beginning = formatBeginning({ subject, begunMs });
        return [
          { ...entryFor(what), kind: "lnk", session },
          { kind: "ses", value: session, beginning, expiresAt: start + 1000 },
        ];
      };
      await denylist.revoke([...linked("old", 5_999), ...linked("own", 5_000)]);
      await denylist.revoke(linked("later", 6_000));
      const own = entryFor("session of own");
      await denylist.revoke([{ ...sparingCutoff("alice", 5, own) }]);
      const again = await reopen();
      for (const store of [denylist, again]) {
        for (const [what, expected] of [
          ["old", "revoked"],
          ["own", "live"],
          ["later", "live"],
          ["unlinked", "live"],
        ] as const) {
          assert.equal(await standingOf(store, entryFor(what)), expected, what);
        }
      }
      await again.revoke([cutoffFor("alice", 6)]);
      assert.equal(await standingOf(again, entryFor("own")), "revoked");
      assert.equal(await standingOf(again, entryFor("later")), "revoked");
    });

    it("refuses the tokens of a session, and the one with an id, and no others", async (t) => {
      const { denylist, reopen } = await open(t);
      const value = entryFor("named").value;
      await denylist.revoke([{ ...entryFor("named"), kind: "sid" }]);
      await denylist.revoke([{ ...entryFor("other"), kind: "jti" }]);
      const standing = async (store: Denylist, token: Omit<TokenNames, "id">) => {
        const names = { id: entryFor("none").value, ...token };
        const known = store.lookUp(names);
        return known === "ask" ? store.ask(names) : known;
      };
      for (const store of [denylist, await reopen()]) {
        assert.equal(await standing(store, { sid: value }), "revoked");
        assert.equal(await standing(store, { jti: entryFor("other").value }), "revoked");
        // The same text under another name is another thing.
        assert.equal(await standing(store, { jti: value, subject: value }), "live");
        assert.equal(await standing(store, { sid: entryFor("other").value }), "live");
      }
    });

    it("knows a token by its other name, in memory and in the store", async (t) => {
      const { denylist, reopen } = await open(t);
      await denylist.revoke([entryFor("other name")]);
      const { kind, value } = entryFor("other name");
      const token = { id: entryFor("own name").value, others: [{ kind, value }] };
      for (const store of [denylist, await reopen()]) {
        assert.equal(await store.ask(token), "revoked");
        assert.notEqual(store.lookUp(token), "live");
      }
      assert.equal(denylist.lookUp(token), "revoked");
    });

    it("takes a fraction of a second for the second it is in", async (t) => {
      const { denylist } = await open(t);
      const cutoff = cutoffFor("alice", 1000);
      await denylist.revoke([cutoff]);
      assert.equal(await standingOf(denylist, cutoff, 1000.9), "revoked");
      assert.equal(await standingOf(denylist, cutoff, 1001.1), "live");
    });

    it("puts in force what an intent turns out to be", async (t) => {
      const { denylist } = await open(t);
      const intent = await denylist.intend([cutoffFor("alice", 1000)]);
      await intent.revoke([cutoffFor("alice", 2000)]);
      assert.equal(await standingOf(denylist, cutoffFor("alice", 0), 2000), "revoked");
    });

    it("never lets a cut-off go back", async (t) => {
      const { denylist, reopen } = await open(t);
      const cutoffs = [500, 1000, 700, 1000, 200].map((cutoff) => cutoffFor("alice", cutoff));
      await Promise.all(cutoffs.map((cutoff) => denylist.revoke([cutoff])));
      await denylist.revoke([cutoffFor("alice", 100)]);
      for (const store of [denylist, await reopen()]) {
        assert.equal(await standingOf(store, cutoffFor("alice", 0), 1000), "revoked");
        assert.equal(await standingOf(store, cutoffFor("alice", 0), 1001), "live");
      }
    });

    it("ignores what has expired already", async (t) => {
      const { denylist } = await open(t);
      await denylist.revoke([entryFor("a", -10)]);
      assert.equal(await standingOf(denylist, entryFor("a")), "live");
      assert.equal(denylist.size, 0);
    });

    it("has an intent in force only once it is revoked", async (t) => {
      const { denylist, reopen } = await open(t);
      const intent = await denylist.intend([entryFor("a")]);
      assert.equal(await standingOf(denylist, entryFor("a")), "live");
      await intent.revoke();
      assert.equal(await standingOf(denylist, entryFor("a")), "revoked");
      assert.equal(await standingOf(await reopen(), entryFor("a")), "revoked");
    });

    it("forgets an intent that was dropped", async (t) => {
      const { denylist } = await open(t);
      const intent = await denylist.intend([entryFor("a")]);
      intent.drop();
      // What is written behind the drop shows that the drop has been written.
      await denylist.revoke([entryFor("b")]);
      assert.equal(await standingOf(denylist, entryFor("a")), "live");
    });

    it("lists every live entry", async (t) => {
      const { denylist } = await open(t);
      const entries = [entryFor("a"), entryFor("b"), entryFor("c")];
      await denylist.revoke(entries);
      const listed = new Map<string, Entry>();
      for await (const entry of denylist.entries()) listed.set(entry.value, entry);
      assert.deepEqual(new Set(listed.keys()), new Set(entries.map(({ value }) => value)));
      for (const entry of entries) assert.deepEqual(listed.get(entry.value), entry);
    });

    it("is ready", async (t) => {
      const { denylist } = await open(t);
      assert.deepEqual(denylist.health(), { ready: true, reason: undefined });
    });
  });
}
