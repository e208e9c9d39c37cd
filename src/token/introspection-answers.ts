import { LRUCache } from "lru-cache";
import type { VerifiedToken } from "./verified-token.ts";

/** What an issuer said of a token; `forgetAtMs` by `performance.now()`. */
export interface IntrospectionAnswer {
  /** undefined: it is not active. */
  readonly token: VerifiedToken | undefined;
  readonly forgetAtMs: number;
}

/** Remembers what an issuer said of tokens, by a hash of their text. */
export interface IntrospectionAnswers {
  /** What holds, or has held until `lateMs` ago; undefined: nothing is known. */
  find(key: string, lateMs: number): IntrospectionAnswer | undefined;
  note(key: string, token: VerifiedToken | undefined): void;
  /** The tokens that are active, by what is remembered. */
  active(): VerifiedToken[];
  forget(key: string): void;
  clear(): void;
}

const maxActive = 10_000;
const maxInactive = 1000;

/** Those that are not active are remembered apart, so that made-up tokens push none of the others out. */
export function createIntrospectionAnswers(cacheMs: number): IntrospectionAnswers {
  const active = new LRUCache<string, IntrospectionAnswer>({ max: maxActive });
  const inactive = new LRUCache<string, IntrospectionAnswer>({ max: maxInactive });
  const forget = (key: string) => {
    active.delete(key);
    inactive.delete(key);
  };

  return {
    find(key, lateMs) {
      const answer = active.get(key) ?? inactive.get(key);
      return answer && performance.now() < answer.forgetAtMs + lateMs ? answer : undefined;
    },
    note(key, token) {
      forget(key);
      const holds = token === undefined ? inactive : active;
      holds.set(key, { token, forgetAtMs: performance.now() + cacheMs });
    },
    active: () => [...active.values()].flatMap(({ token }) => token ?? []),
    forget,
    clear() {
      active.clear();
      inactive.clear();
    },
  };
}
