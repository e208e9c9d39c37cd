import { setImmediate as nextTurn } from "node:timers/promises";
import type { Denylist } from "../denylist/denylist.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import { nameClaim } from "./named-claim.ts";
import type { StoreCommandsOptions } from "./store-command.ts";

/** What this sidecar has seen of a subject: counts alone. */
export interface SubjectSessions {
  /** Tokens that it has verified, remembers, and that have not expired; `live`: not revoked, as far as memory knows. */
  readonly tokens: { readonly live: number; readonly revoked: number };
  /** Sessions of the live ones. A token that names no session, and was linked to none, counts as one. */
  readonly sessions: number;
  /** WebSockets and streams that are open with one of them. */
  readonly connections: number;
}

/** How many tokens are looked at in one turn of the event loop. */
const perTurn = 5000;

/** Counts what this sidecar has seen of a subject. */
export async function countSessions(
  { denylist, clock, tokens, connectionsOf }: StoreCommandsOptions,
  subject: { readonly value: string; readonly issuer?: string | undefined },
): Promise<SubjectSessions & { readonly id: string }> {
  const { value } = nameClaim(tokens, { claim: "subject", ...subject });
  const now = clock.nowSeconds();
  const remembered = tokens.verifier.remembered();
  const standings: Standing[] = [];
  for (let at = 0; at < remembered.length; at += perTurn) {
    if (at > 0) await nextTurn();
    const some = remembered.slice(at, at + perTurn);
    const own = some.filter((token) => token.subject === value && token.expiresAt > now);
    standings.push(...own.map((token) => standingOf(token, denylist)));
  }
  const live = standings.filter(({ isRevoked }) => !isRevoked);
  return {
    id: value,
    tokens: { live: live.length, revoked: standings.length - live.length },
    sessions: new Set(live.map(({ session }) => session)).size,
    connections: connectionsOf?.({ kind: "sub", value }) ?? 0,
  };
}

interface Standing {
  readonly isRevoked: boolean;
  readonly session: string;
}

function standingOf(
  token: VerifiedToken,
  denylist: Pick<Denylist, "lookUp" | "knownSession">,
): Standing {
  const session = token.sid ?? denylist.knownSession(token) ?? token.id;
  return { isRevoked: denylist.lookUp(token) === "revoked", session };
}
