import type { Has } from "../search.ts";

/** The rules without which a promise breaks. */
export type Rule =
  /** Readers and revokers go by one staleness: the store's. */
  | "one staleness"
  /** A reading that was cut by COUNT proves nothing. */
  | "a full batch proves nothing"
  /** The hold begins with the later of the two acknowledgements. */
  | "both acknowledgements"
  /** A second logout of the token waits like the first. */
  | "a second logout waits too"
  /** A reading whose last line is not there any more proves nothing. */
  | "the feed was not trimmed"
  /** An age is the larger of what the two clocks say. */
  | "both clocks"
  /** Freshness is worked out for each request. */
  | "fresh at the decision"
  /** A proof is as old as the sending of the read, not as its answer. */
  | "age from the sending"
  /** A Redis that lost data is not believed before somebody has begun a new epoch. */
  | "an epoch"
  /** Nor before all sidecars have written back what they know. */
  | "a grace period"
  /** A revocation is released only if the store was found unchanged at the end of its hold. */
  | "the hold is confirmed"
  /** Where another server took over, memory has to be loaded anew. */
  | "a new server means a load"
  /** A table that missed something is trusted again only after a load. */
  | "stale tables load"
  /** A reading that only proves goes by a full one on the same connection. */
  | "a proof goes by its own connection";

/** What can happen besides messages and time. */
export interface World {
  readonly name: string;
  /** How long readers trust their memory, in ticks, by their own configuration; and how long the revoker holds. */
  readonly staleness: readonly number[];
  readonly hold: number;
  /** How many lines a reading brings at most, and how many other lines come into the feed. */
  readonly count: number;
  readonly otherLines: number;
  readonly trims: number;
  readonly suspensions: number;
  readonly losses: number;
  readonly failovers: number;
  /** Whether readings may be of the kind that only proves that nothing has changed. */
  readonly steadyReadings?: boolean;
  readonly ticks: number;
}

/** A Redis. */
export interface Server {
  key: boolean;
  /** The lines of the feed by their numbers; the revocation's own is marked. */
  lines: { id: number; revokes: boolean }[];
  nextLine: number;
  epoch: number;
  /** The line with which the epoch began. */
  epochStart: number;
  /** The epoch is not the one that was written, and nobody has begun a new one. */
  changed: boolean;
  settling: boolean;
}

/** The answer to a reading of the feed. */
export interface Reply {
  anchored: boolean;
  revokes: boolean;
  full: boolean;
  last: number;
  epoch: number;
  epochStart: number;
  changed: boolean;
  settling: boolean;
  server: number;
}

/** A sidecar that judges by its table. */
export interface Reader {
  server: number;
  knows: boolean;
  complete: boolean;
  position: number;
  epoch: number;
  provenAt: number;
  /** Ticks since then during which the monotonic clock stood still. */
  stoodStill: number;
  read: { sentAt: number; full: boolean; reply: Reply | undefined } | undefined;
  /** Where the last full reading found the store trusted, and whether that is still its connection. */
  steady: { server: number; connected: boolean } | undefined;
  /** What a timer once worked out, where freshness is not worked out at the decision. */
  flag: boolean;
}

/** The sidecar that the logout came to. */
export interface Revoker {
  server: number;
  phase: "idle" | "put" | "acknowledged" | "published" | "holding" | "confirmed" | "released";
  heldFrom: number;
  heldEpoch: number;
  heldServer: number;
  knownEpoch: number;
}

/** All of it. */
export interface State {
  now: number;
  servers: Server[];
  /** The server that is the primary; one before it may still answer. */
  primary: number;
  oldAnswers: boolean;
  oldGoneAt: number;
  readers: Reader[];
  revoker: Revoker;
  left: {
    otherLines: number;
    trims: number;
    suspensions: number;
    losses: number;
    failovers: number;
  };
}

/** Which rules are in force. */
export type Rules = Has<Rule>;

/** Everything is well, and nothing is revoked. */
export function initialState({
  staleness,
  otherLines,
  trims,
  suspensions,
  losses,
  failovers,
}: World): State {
  return {
    now: 0,
    servers: [
      {
        key: false,
        lines: [{ id: 0, revokes: false }],
        nextLine: 1,
        epoch: 1,
        epochStart: 0,
        changed: false,
        settling: false,
      },
    ],
    primary: 0,
    oldAnswers: false,
    oldGoneAt: -1,
    readers: staleness.map(() => ({
      server: 0,
      knows: false,
      complete: true,
      position: 0,
      epoch: 1,
      provenAt: 0,
      stoodStill: 0,
      read: undefined,
      steady: undefined,
      flag: false,
    })),
    revoker: { server: 0, phase: "idle", heldFrom: 0, heldEpoch: 0, heldServer: 0, knownEpoch: 1 },
    left: { otherLines, trims, suspensions, losses, failovers },
  };
}
