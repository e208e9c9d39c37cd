import type { Denylist } from "../denylist/denylist.ts";
import type { Clock } from "../platform/clock.ts";
import type { Lifetimes } from "../revocation/entries.ts";
import type { Admitted } from "./checks.ts";
import type { SubjectInRequest } from "./named-subjects.ts";

/** How many revocations may rest on the request alone: a bucket that an hour fills. */
export interface UnprovenBudget {
  /** Takes so many; false, and takes none, if they are not there. */
  take(count: number): boolean;
  /** Gives back what came to nothing. */
  giveBack(count: number): void;
}

const secondsOfHour = 3600;

/** Makes the bucket, full. `now` is in milliseconds. */
export function createUnprovenBudget(
  perHour: number,
  now: () => number = () => performance.now(),
): UnprovenBudget {
  let left = perHour;
  let sinceMs = now();
  const fill = (more: number) => {
    left = Math.min(perHour, left + more);
  };
  return {
    take(count) {
      const nowMs = now();
      fill((((nowMs - sinceMs) / 1000) * perHour) / secondsOfHour);
      sinceMs = nowMs;
      if (left < count) return false;
      left -= count;
      return true;
    },
    giveBack: fill,
  };
}

/** What it takes to tell whether a request has proved anything. */
interface Facts {
  readonly denylist: Pick<Denylist, "lookUp">;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
}

/**
 * How many of the revocations of a request rest on nothing but the request: of tokens that revgate can't
 * check, and of subjects that it names, if no live token of an issuer's came with it.
 *
 * An application that answers 2xx to any text (RFC 7009 section 2.2 asks for that) makes revocations of them
 * for everybody, and each is remembered for as long as such a token may live.
 */
export function countUnproven(
  facts: Facts,
  { route, token, otherTokens }: Admitted,
  subjects: readonly SubjectInRequest[],
): number {
  if (token !== undefined && isProof(facts, route, token)) return 0;
  const carried =
    token === undefined || route.keepsCarriedToken ? otherTokens : [token, ...otherTokens];
  const opaque = carried.filter((each) => each.isOpaque);
  return opaque.length + subjects.filter(({ name }) => name !== undefined).length;
}

/** Whether a token is one of an issuer's that is alive: what it ends with itself costs a login each time. */
export function isProof(
  { denylist, clock, lifetimes }: Facts,
  route: Pick<Admitted["route"], "access" | "revoked">,
  token: NonNullable<Admitted["token"]>,
): boolean {
  if (token.isOpaque) return false;
  if (clock.nowSeconds() >= token.expiresAt + lifetimes.clockToleranceSeconds) return false;
  const standing = denylist.lookUp(token);
  // Where memory can't say, the store was asked on the way here, unless the route lets everything pass.
  const wasAsked = route.access !== "public" && route.revoked !== "forward";
  return standing === "live" || (standing === "ask" && wasAsked);
}
