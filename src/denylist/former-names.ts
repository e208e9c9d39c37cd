import type { Denylist, Entry } from "./denylist.ts";

/**
 * A denylist that revokes everything under its former names too.
 *
 * What is behind it knows nothing of them: an entry becomes several, and each is as durable as the others
 * before a revocation resolves. Look-ups need no help: a token brings all its names.
 */
export function withFormerNames(denylist: Denylist): Denylist {
  return {
    lookUp: denylist.lookUp,
    ask: (token) => denylist.ask(token),
    knownSession: (token) => denylist.knownSession(token),
    sessionOf: (token) => denylist.sessionOf(token),
    knownBeginning: (session) => denylist.knownBeginning(session),
    sessionsOf: (subjects) => denylist.sessionsOf(subjects),
    revoke: (entries) => denylist.revoke(entries.flatMap(underAllNames)),
    async intend(entries) {
      const intent = await denylist.intend(entries.flatMap(underAllNames));
      return {
        revoke: (revoked) => intent.revoke(revoked?.flatMap(underAllNames)),
        drop: intent.drop,
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

function underAllNames({ former = [], ...entry }: Entry): Entry[] {
  return [entry, ...former.map((value) => ({ ...entry, value }))];
}
