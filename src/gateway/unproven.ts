import { LRUCache } from "lru-cache";
import type { Denylist } from "../denylist/denylist.ts";
import type { Clock } from "../platform/clock.ts";
import type { Lifetimes } from "../revocation/entries.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { Admitted } from "./checks.ts";
import type { SubjectInRequest } from "./named-subjects.ts";

/** How many revocations may rest on the request alone: a bucket that an hour fills. */
export interface UnprovenBudget {
  /** Takes so many; false, and takes none, if they are not there. */
  take(count: number): boolean;
  /** Gives back what came to nothing. */
  giveBack(count: number): void;
}

/** The budget that the networks of clients share. */
export type SharedBudget = (network: string) => UnprovenBudget;

const secondsOfHour = 3600;
/** What is left to networks that have used little, and what part of all is little. */
const [reserved, little] = [1 / 2, 1 / 10];
/** Networks whose use is remembered; the least recently seen are forgotten. */
const maxRemembered = 1024;

/**
 * Makes the bucket, full. `now` is in milliseconds.
 *
 * One network can't use it up: of the last half each has a tenth of all an hour, less what it took before.
 */
export function createUnprovenBudget(
  perHour: number,
  now: () => number = () => performance.now(),
): SharedBudget {
  if (perHour === Number.POSITIVE_INFINITY) return () => unlimited;
  const all = createBucket(perHour, now);
  const ofOne = Math.max(1, perHour * little);
  const own = new LRUCache<string, Bucket>({ max: maxRemembered });
  const bucketOf = (network: string) => {
    const bucket = own.get(network) ?? createBucket(ofOne, now);
    own.set(network, bucket);
    return bucket;
  };
  return (network) => ({
    take(count) {
      if (count === 0) return true;
      const left = all.left() - count;
      const bucket = bucketOf(network);
      if (left < 0 || (left < perHour * reserved && bucket.left() < count)) return false;
      all.add(-count);
      bucket.add(-count);
      return true;
    },
    giveBack(count) {
      all.add(count);
      own.get(network)?.add(count);
    },
  });
}

const unlimited: UnprovenBudget = { take: () => true, giveBack() {} };

interface Bucket {
  left(): number;
  /** Adds some, or takes them. */
  add(count: number): void;
}

/** One that an hour fills; it is full at first, and never holds less than nothing. */
function createBucket(perHour: number, now: () => number): Bucket {
  let left = perHour;
  let sinceMs = now();
  const add = (count: number) => {
    left = Math.max(0, Math.min(perHour, left + count));
  };
  const fill = () => {
    const nowMs = now();
    add(((nowMs - sinceMs) / 1000 / secondsOfHour) * perHour);
    sinceMs = nowMs;
    return left;
  };
  return {
    left: fill,
    add(count) {
      fill();
      add(count);
    },
  };
}

interface IsLive {
  readonly denylist: Pick<Denylist, "lookUp">;
}

/** What it takes to tell whether a request has proved anything. */
interface Facts {
  readonly denylist: Pick<Denylist, "lookUp" | "knownSession">;
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
  const opaque = carried.filter((each) => each.isOpaque && !wasHandedOut(facts, each));
  return opaque.length + subjects.filter(({ name }) => name !== undefined).length;
}

/** Whether a token that revgate can't check was seen when it was handed out, in a session, and has not been ended since. */
function wasHandedOut({ denylist }: Facts, token: VerifiedToken): boolean {
  return denylist.lookUp(token) === "live" && denylist.knownSession(token) !== undefined;
}

/** Whether a token is one of an issuer's that is alive: what it ends with itself costs a login each time. */
export function isProof(
  { denylist, clock, lifetimes }: Pick<Facts, "clock" | "lifetimes"> & IsLive,
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
