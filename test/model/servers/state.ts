import type { Has } from "../search.ts";

/** The rules without which a promise breaks. */
export type ServersRule =
  /** R8: what the writer was told counts only if the follower sees the same server in the same epoch. */
  | "a hold ends in the follower's epoch"
  /** R8: what the reader was told counts only if it comes from the follower's server and epoch. */
  | "reader and follower at one server"
  /** R8: what was written back counts only in the follower's epoch. */
  | "restored at the follower's server"
  /** A new connection through the name must reach the same server, every `lookEvery` ticks. */
  | "the name is asked again"
  /** The grace period outlasts the last look and a staleness. */
  | "grace covers the looks"
  /** Whoever changes over to another server has proved nothing there. */
  | "a proof ends with its server";

/** How much may happen. */
export interface ServersWorld {
  /** Connections that may be made anew, apart from those of a server that dies. */
  readonly reconnects: number;
  /** Whether the promoted replica had the revocation already; and whether the old server dies at some time. */
  readonly released: boolean;
  readonly oldDies: boolean;
}

interface Server {
  has: boolean;
  epoch: number;
  changed: boolean;
  /** Ticks until the grace period ends. */
  graceLeft: number;
}

type Place = 0 | 1;

/** What both sidecars have. */
export interface Sidecar {
  follower: Place;
  /** The connection that writes (A), or that asks and loads (B). */
  other: Place;
  epoch: number;
  /** Ticks since the name was last found to lead to the follower's server. */
  lookAge: number;
}

/** All of it. */
export interface State {
  servers: [Server, Server];
  target: Place;
  oldIsGone: boolean;
  a: Sidecar & {
    phase: "idle" | "written" | "released";
    heldFor: number;
    heldEpoch: number;
    restoredIn: number;
  };
  b: Sidecar & { knows: boolean; complete: boolean; proofAge: number };
  reconnects: number;
}

/** Which rules are in force. */
export type Rules = Has<ServersRule>;

/** How long a proof counts, in ticks. */
export const staleness = 1;

/** How long a revocation is held. */
export const hold = 1;

/** How often the name is asked. */
export const lookEvery = 1;

/** One of the two sidecars. */
export type Who = "a" | "b";

/** Whether a server's "not there" is believed. */
export function isTrusted(server: Server): boolean {
  return !server.changed && server.graceLeft === 0;
}

/** Whether the last look at the name is recent enough. */
export function hasLooked({ lookAge }: Sidecar, has: Rules): boolean {
  return !has("the name is asked again") || lookAge <= lookEvery;
}

/** Whether A writes where its follower reads, in the same epoch. */
export function isWhereItFollows({ a, servers: both }: State): boolean {
  return a.follower === a.other && both[a.other].epoch === a.epoch;
}
