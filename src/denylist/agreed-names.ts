import { RevocationPendingError, StoreUnavailableError } from "../errors.ts";
import type { Denylist } from "./denylist.ts";

/** Whether the sidecars of a store make names in forms that they have in common. */
export interface NameAgreement {
  /** Why not, or why that is unknown yet; undefined if they do. */
  readonly trouble: string | undefined;
  close(): Promise<void>;
}

/**
 * A denylist whose word counts only while its names are those of the store.
 *
 * What is found revoked is. But that something was not found means nothing where it may be called otherwise,
 * and a revocation that the others can't find is not in force.
 */
export function withAgreedNames(denylist: Denylist, agreement: NameAgreement): Denylist {
  const check = () => {
    const { trouble } = agreement;
    if (trouble !== undefined) throw new StoreUnavailableError(trouble);
  };
  const inForce = async (revoked: Promise<void>) => {
    await revoked;
    const { trouble } = agreement;
    if (trouble !== undefined) throw new RevocationPendingError(trouble);
  };
  return {
    lookUp(token) {
      const standing = denylist.lookUp(token);
      return standing === "live" && agreement.trouble !== undefined ? "ask" : standing;
    },
    async ask(token) {
      const standing = await denylist.ask(token);
      if (standing === "live") check();
      return standing;
    },
    knownSession: (token) => denylist.knownSession(token),
    async sessionOf(token) {
      const session = await denylist.sessionOf(token);
      if (session === undefined) check();
      return session;
    },
    knownBeginning: (session) => denylist.knownBeginning(session),
    async sessionsOf(subjects) {
      const sessions = await denylist.sessionsOf(subjects);
      check();
      return sessions;
    },
    revoke: (entries) => inForce(denylist.revoke(entries)),
    async intend(entries) {
      const intent = await denylist.intend(entries);
      return { revoke: (revoked) => inForce(intent.revoke(revoked)), drop: intent.drop };
    },
    onRevoked: (listener) => denylist.onRevoked(listener),
    entries: () => denylist.entries(),
    get size() {
      return denylist.size;
    },
    health() {
      const { trouble } = agreement;
      const health = denylist.health();
      return health.ready && trouble !== undefined ? { ready: false, reason: trouble } : health;
    },
    async close() {
      await agreement.close();
      await denylist.close();
    },
  };
}
