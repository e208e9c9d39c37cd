import type { Clock } from "../platform/clock.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { CutConnection, LiveConnections } from "./live-connections.ts";

/** The tokens that one connection has logged in with, one after the other. */
export interface ConnectionTokens {
  /** Takes one more; false if there are too many. */
  add(token: VerifiedToken): boolean;
  /** The one that came last, of those that count. */
  last(): VerifiedToken | undefined;
  /** Lets go of all. */
  close(): void;
}

/** What they need to know. */
export interface ConnectionTokensOptions {
  readonly live: Pick<LiveConnections, "add">;
  readonly clock: Pick<Clock, "nowSeconds">;
  /** Ends the connection when one of them ends. */
  readonly cut: CutConnection;
}

interface Held {
  readonly token: VerifiedToken;
  until: number;
  forget: () => void;
}

/** How many may count at once. */
const maxTokens = 16;
/** Clocks differ by less. */
const toleranceSeconds = 3600;

/**
 * Has a connection end with any of its tokens: whether the application took over a later one is unknown.
 *
 * A token of the same subject renews the earlier ones: they may still be revoked, but the connection lasts until the
 * last of them expires.
 */
export function createConnectionTokens({
  live,
  clock,
  cut,
}: ConnectionTokensOptions): ConnectionTokens {
  const held = new Map<string, Held>();
  const watch = (token: VerifiedToken, until: number) =>
    live.add(until === token.expiresAt ? token : { ...token, expiresAt: until }, cut);
  const drop = ({ token, forget }: Held) => {
    forget();
    held.delete(token.id);
  };
  const dropExpired = () => {
    const now = clock.nowSeconds();
    for (const each of [...held.values()]) {
      if (each.token.expiresAt + toleranceSeconds < now) drop(each);
    }
  };
  const extend = (each: Held, until: number) => {
    if (each.until === until) return;
    each.forget();
    each.until = until;
    each.forget = watch(each.token, until);
  };
  return {
    add(token) {
      dropExpired();
      const before = held.get(token.id);
      if (before !== undefined) {
        // It is the last one again.
        held.delete(token.id);
        held.set(token.id, before);
        return true;
      }
      if (held.size >= maxTokens) return false;
      const { subject } = token;
      const same = [...held.values()].filter(
        (each) => subject !== undefined && each.token.subject === subject,
      );
      const until = Math.max(token.expiresAt, ...same.map((each) => each.until));
      for (const each of same) extend(each, until);
      held.set(token.id, { token, until, forget: watch(token, until) });
      return true;
    },
    last: () => [...held.values()].at(-1)?.token,
    close() {
      for (const each of [...held.values()]) drop(each);
    },
  };
}
