import { StoreUnavailableError } from "../../errors.ts";
import { isSoundEpochId } from "../sound.ts";

/** The shortest and the longest staleness that a store can have, in milliseconds: as the schema has them. */
export const stalenessRangeMs = { min: 20, max: 2000 } as const;

/** The longest grace period that a store can have, in milliseconds: as the schema has it. */
export const maxGraceMs = 300_000;

/**
 * One life of a shard of the store, as it is written there: while it lasts, the shard has lost nothing.
 *
 * `server` names the server that held it when the epoch began: run id and replication id. After a
 * restart, a failover or a FLUSHALL they, or the epoch itself, are not what they were.
 */
export interface Epoch {
  /** Random, base64url. */
  readonly id: string;
  /** How old a sidecar's knowledge of the feed may be; it belongs to the store, so that all go by the same. */
  readonly stalenessMs: number;
  /** The id of the line in the shard's log with which the epoch began; "-" if it says none. */
  readonly start: string;
  readonly server: string;
  /** The id of the epoch before; "-" if there was none, or it is unknown. */
  readonly before: string;
  /**
   * What ended the epoch before. `moved`: only the server is another, so what is there is what was there at
   * some moment. `emptied`: there was nothing at all, so all that is there came in this epoch. `holes`: keys may
   * have vanished singly.
   */
  readonly began: "moved" | "emptied" | "holes";
}

/**
 * What a shard was like in the moment of an answer.
 *
 * `trusted`: it holds every revocation that was ever promised. `settling`: it has lost something, or is
 * new, and the sidecars are writing back what they know; what is not there may have been. `changed`: the
 * same, and no sidecar has begun a new epoch yet. `found` is the epoch as it stands in the store; `why` says what
 * gave it away, `reason` why what stands there is no epoch.
 */
export type ShardState = {
  /** The server that answered: its run id and its replication id. */
  readonly server: string;
} & (
  | { readonly kind: "trusted"; readonly epoch: Epoch; readonly found: string }
  | {
      readonly kind: "settling";
      readonly epoch: Epoch;
      readonly found: string;
      /** Whether its grace period ends too late for any that a revgate has begun. */
      readonly endless: boolean;
    }
  | {
      readonly kind: "changed";
      readonly epoch?: undefined;
      readonly found: string;
      readonly why: string;
      readonly reason?: string | undefined;
    }
);

/** Whether a reading of a shard lies in that epoch. */
export function isIn(epoch: Epoch, state: ShardState): boolean {
  return state.epoch?.id === epoch.id;
}

/** The staleness that an epoch's text states, in milliseconds; undefined if it is no epoch. */
export function stalenessOf(found: string): number | undefined {
  const epoch = parseEpoch(found);
  return typeof epoch === "string" ? undefined : epoch.stalenessMs;
}

/** Why a shard has no epoch that counts, if it is the same server's that has less than before. */
export const wentBack = "it went back to older data";

/** Why a shard has no epoch that counts, if a new store or an idle one looks the same as a loss. */
export const looksUnused = {
  empty: "it is empty, or new",
  idle: "keys may have expired early, or no sidecar looked for a long time",
} as const;

/** What a server must be like for its word to count. */
export interface StateRules {
  readonly replicas: number;
  /** Whether keys may be evicted without being lost. */
  readonly allowEviction: boolean;
}

/**
 * Reads the state as the scripts return it; undefined if the server is no primary with as many replicas.
 *
 * Throws StoreUnavailableError if no script of ours can have returned that. An epoch that none of ours can
 * have written is not believed: the shard counts as changed.
 */
export function readState(reply: unknown, rules: StateRules): ShardState | undefined {
  if (!isStateReply(reply)) {
    throw new StoreUnavailableError("redis sent an unexpected answer to a script");
  }
  const [found, server, role, connected, graceMs, guard, evicted] = reply;
  if (role !== "master" || connected < rules.replicas) return undefined;
  if (found === "") return { kind: "changed", server, found, why: looksUnused.empty };
  const text = parseEpoch(found);
  if (typeof text === "string") return { kind: "changed", server, found, why: text, reason: text };
  const [guarded, count, began, before = "-"] = guard.split(" ");
  const why = whyChanged({ ...text, guarded, count }, { server, evicted }, rules);
  if (why !== undefined) return { kind: "changed", server, found, why };
  const epoch: Epoch = { ...text, before, began: readBeginning(began) };
  // -2: no such key; -1: a key without an end.
  if (graceMs !== -2) {
    const endless = graceMs === -1 || graceMs > maxGraceMs;
    return { kind: "settling", server, epoch, found, endless };
  }
  return { kind: "trusted", server, epoch, found };
}

function readBeginning(text: string | undefined): Epoch["began"] {
  return text === "moved" || text === "emptied" ? text : "holes";
}

interface Written {
  readonly id: string;
  readonly server: string;
  readonly guarded: string | undefined;
  readonly count: string | undefined;
}

/** Why a shard is not what its epoch says, in words; undefined if it is. */
function whyChanged(
  written: Written,
  now: { readonly server: string; readonly evicted: string },
  { allowEviction }: StateRules,
): string | undefined {
  if (written.server !== now.server) return "another server answers, or the same one restarted";
  // The guard lives shorter than any key may miss; an epoch of an older form has none.
  if (written.guarded !== written.id) return looksUnused.idle;
  return written.count === now.evicted || allowEviction ? undefined : "keys were evicted";
}

/** What of a shard's state no revgate can have written, in words; undefined if all can be believed. */
export function disbelieved(state: ShardState): string | undefined {
  if (state.kind === "changed") return state.reason && `the epoch: ${state.reason}`;
  const isEndless = state.kind === "settling" && state.endless;
  return isEndless ? "the grace period: it does not end; delete its key" : undefined;
}

type StateReply = readonly [string, string, string, number, number, string, string];

function isStateReply(reply: unknown): reply is StateReply {
  if (!Array.isArray(reply) || reply.length !== 7) return false;
  const types = ["string", "string", "string", "number", "number", "string", "string"];
  return types.every((type, index) => typeof reply[index] === type);
}

/** Reads what the script `establish` writes; a text says what is wrong with anything else. */
function parseEpoch(text: string): Omit<Epoch, "before" | "began"> | string {
  const [id = "", staleness = "", start = "", ...server] = text.split(" ");
  if (!isSoundEpochId(id) || !isStart(start) || server.length !== 2) {
    return "it has another form";
  }
  const stalenessMs = /^\d{1,10}$/.test(staleness) ? Number(staleness) : Number.NaN;
  const { min, max } = stalenessRangeMs;
  if (!(stalenessMs >= min && stalenessMs <= max)) {
    return `its staleness is not from ${min} to ${max} milliseconds`;
  }
  return { id, stalenessMs, start, server: server.join(" ") };
}

const greatestFeedNumber = 2n ** 64n - 1n;

/** The id of a line of a stream, or "-": another text would make every reading of the feed fail. */
function isStart(text: string): boolean {
  if (text === "-") return true;
  const [, ...numbers] = /^(\d{1,20})-(\d{1,20})$/.exec(text) ?? [];
  return numbers.length === 2 && numbers.every((number) => BigInt(number) <= greatestFeedNumber);
}
