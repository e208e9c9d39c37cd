import { randomInt } from "node:crypto";
import { formatSparing, type Spared, sparedName } from "../denylist/cut.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import type { VerifiedToken } from "../token/verified-token.ts";

/** The tokens that are spared if all others of their subject end, and the sessions that these name. */
export interface Spares {
  /** Those that the request carried. */
  readonly kept: readonly VerifiedToken[];
  /** Those that the application's answer hands out. */
  readonly handedOut: readonly VerifiedToken[];
  /** When the request was admitted: what was issued since is new. */
  readonly since: EpochSeconds;
}

/** Everything ends. */
export const sparesNothing: Spares = { kept: [], handedOut: [], since: 0 };

/** What a cut-off of now spares, in the words of the denylist. */
export function sparingOf({ kept, handedOut, since }: Spares, now: EpochSeconds): string {
  // Two in the same millisecond would end each other: chance orders them.
  const nowUs = Math.floor(now * 1000) * 1000 + randomInt(1000);
  const spared = new Map<string, Spared>();
  const add = (names: readonly string[], handedOutUs: number) => {
    for (const name of names) spared.set(name, { name, handedOutUs, after: 0 });
  };
  for (const token of [...kept, ...handedOut]) {
    // A session may be older than the token: what ended it before stays in force.
    add(namesOf(token, "sid"), 0);
    add(namesOf(token, "tok"), 0);
  }
  for (const token of handedOut) {
    // Nor is one of before new that is merely repeated.
    const isNew = token.issuedAt !== undefined && token.issuedAt >= Math.floor(since);
    if (isNew) add(namesOf(token, "tok"), nowUs);
  }
  return formatSparing({ madeUs: nowUs % 1_000_000, spared: [...spared.values()] });
}

/** What a token, or its session, is called in all forms. */
function namesOf(token: VerifiedToken, kind: "tok" | "sid"): string[] {
  const { id, sid, session, former = [] } = token;
  const own = kind === "tok" ? [id] : [sid, session].filter((name) => name !== undefined);
  const others = former.flatMap((name) => (name.kind === kind ? [name.value] : []));
  return [...own, ...others].map(sparedName);
}
