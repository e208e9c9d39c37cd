import type { Has } from "../search.ts";

/** The rules without which a grace period ends too early. */
export type GraceRule =
  /** R7: it ends early only if everybody on the roster has confirmed. */
  | "everybody confirms"
  /** R7: a sidecar confirms when its write-back is acknowledged. */
  | "confirmed behind the write-back"
  /** R7: a confirmation names the epoch that it is for. */
  | "a confirmation names its epoch"
  /** R7: what is compared is what is there, not what writers noted. */
  | "digests of what is there"
  /** R7: a roster that was lost with the rest says nothing: then the grace period has a floor. */
  | "a floor under a lost roster"
  /** R10: that floor is the largest staleness that anybody may go by. */
  | "the floor is the largest staleness"
  /** The feed of an epoch is all of the store only if there was nothing when it began. */
  | "only the feed of an empty store is a load";

/** What may happen. */
export interface GraceWorld {
  /** Losses of everything, the roster included. */
  readonly flushes: number;
  /** Losses of the key alone. */
  readonly evictions: number;
  readonly pauses: number;
  /** Whether A makes another revocation, which B has not heard of. */
  readonly revokes: boolean;
}

/** All of it. */
export interface State {
  key: boolean;
  noted: boolean;
  epoch: number;
  sinceBegun: number;
  settling: boolean;
  /** Whether there was nothing when the epoch began. */
  emptied: boolean;
  rosterLost: boolean;
  roster: { a: boolean; b: boolean };
  confirmed: { a: boolean; b: boolean };
  /** A confirmation on its way: the epoch that it is for. */
  sent: number | undefined;
  a: { paused: boolean; epoch: number; restoredIn: number; confirmedIn: number };
  b: { epoch: number; proofAge: number; knows: boolean; complete: boolean };
  revocation: { phase: "none" | "held" | "released"; heldFor: number; epoch: number };
  newcomer: "new" | "knows" | "does not know";
  left: { flushes: number; evictions: number; pauses: number };
}

/** Which rules are in force. */
export type Rules = Has<GraceRule>;

/** In which every living sidecar reads once. */
export const notice = 1;

/** B's, by the old epoch; the new one was begun by somebody with a smaller one. */
export const largestStaleness = 3;

/** That of the new epoch. */
export const staleness = 1;

/** When it ends whatever somebody has not confirmed: those may be dead. */
export const bound = 5;
