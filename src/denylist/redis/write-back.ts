import { StoreUnavailableError } from "../../errors.ts";
import type { Entry } from "../denylist.ts";
import type { Journal } from "../journal/journal.ts";
import type { Outbox } from "../journal/outbox.ts";
import { entryLine, logLine, manyLines, type NewLine } from "./feed-line.ts";
import type { RedisReplica } from "./replica.ts";
import { type Epoch, isIn } from "./store-state.ts";

/** What is compared with what. */
export interface WriteBackOptions {
  readonly journal: Pick<Journal, "entries">;
  readonly outbox: Pick<Outbox, "size" | "has">;
  readonly replica: RedisReplica;
  /** The shards, and the epoch that each must be in all the time. */
  readonly epochs: ReadonlyMap<string, Epoch>;
  /** Where in the journal to begin, from 0 to 1. */
  readonly from: number;
  readonly signal: AbortSignal;
}

/** Few enough that neither Redis nor this process is held up for longer than a few milliseconds. */
const entriesPerStep = 500;
/** So that neither waits for the other. */
const maxStepsAtOnce = 3;
/** Beyond that many, entries travel together in a line that only sidecars of this form can read. */
const maxSingleLines = 100;

/**
 * Compares all that is known with what is in some shards, and writes back what is missing.
 *
 * Sidecars do this at the same time, and each begins elsewhere: what all of them know is written back by the first
 * that comes to it, and is there for the others. Rejects with StoreUnavailableError if a shard does not stay in
 * its epoch.
 */
export async function writeBack(options: WriteBackOptions): Promise<void> {
  const { journal, from, epochs } = options;
  const waiting = new Map<string, Entry[]>([...epochs.keys()].map((shard) => [shard, []]));
  /** Shards in which most was missing when last looked: writing shows what is there as well as comparing does. */
  const empty = new Set<string>();
  const steps = new Set<Promise<void>>();
  // Kept until somebody looks: a step may fail while the journal is read.
  const failures: unknown[] = [];
  const take = async (shard: string, entries: readonly Entry[]) => {
    const step = restore(shard, entries, { ...options, empty })
      .catch((error) => void failures.push(error))
      .finally(() => steps.delete(step));
    steps.add(step);
    if (steps.size >= maxStepsAtOnce) await Promise.race(steps);
    if (failures.length > 0) throw failures[0];
  };
  for await (const entries of journal.entries(from)) {
    sortByShard(entries, waiting, options);
    for (const [shard, some] of waiting) {
      while (some.length >= entriesPerStep) await take(shard, some.splice(0, entriesPerStep));
    }
  }
  for (const [shard, some] of waiting) if (some.length > 0) await take(shard, some);
  await Promise.all(steps);
  if (failures.length > 0) throw failures[0];
}

/** One step: what is missing of some entries is there when it resolves. */
async function restore(
  shard: string,
  entries: readonly Entry[],
  options: WriteBackOptions & { readonly empty: Set<string> },
): Promise<void> {
  const lacking = options.empty.has(shard) ? entries : await compare(shard, entries, options);
  const written = lacking.length === 0 ? 0 : await write(shard, lacking, options);
  if (written > entries.length / 2) options.empty.add(shard);
  else options.empty.delete(shard);
}

/** Adds entries to those of their shards; what is pending goes its own way. */
function sortByShard(
  entries: readonly Entry[],
  waiting: ReadonlyMap<string, Entry[]>,
  { outbox, replica }: WriteBackOptions,
): void {
  for (const entry of entries) {
    if (outbox.size > 0 && outbox.has(entry)) continue;
    waiting.get(replica.keys.shardOf(entry))?.push(entry);
  }
}

async function compare(
  shard: string,
  entries: readonly Entry[],
  { replica, epochs, signal }: WriteBackOptions,
): Promise<readonly Entry[]> {
  if (signal.aborted) throw new StoreUnavailableError("stopping");
  const { state, lacking } = await replica.entries.lacking(shard, entries);
  const epoch = epochs.get(shard);
  if (epoch === undefined || !isIn(epoch, state)) throw changedAgain();
  return lacking;
}

/**
 * Resolves to how many were not there. In one step with their lines if there is one log. Else the others are told
 * first: a key without its line would look as if everybody had been told.
 */
async function write(
  shard: string,
  missing: readonly Entry[],
  { replica, epochs, signal }: WriteBackOptions,
): Promise<number> {
  if (signal.aborted) throw new StoreUnavailableError("stopping");
  const announced = replica.keys.spread;
  const lines = linesFor(missing, announced);
  if (announced) await replica.publish(lines);
  const own = announced ? [logLine()] : lines;
  const { state, tail, held } = await replica.put(shard, missing, own, { prolong: true });
  const epoch = epochs.get(shard);
  if (tail === undefined || epoch === undefined || !isIn(epoch, state)) throw changedAgain();
  return missing.length - held;
}

function linesFor(entries: readonly Entry[], announced: boolean): NewLine[] {
  if (entries.length > maxSingleLines) return manyLines(entries, { announced });
  return entries.map((entry) => entryLine(entry, { announced }));
}

/** A shard did not stay in the epoch that it was looked at in. */
export function changedAgain(): StoreUnavailableError {
  return new StoreUnavailableError("redis has changed again");
}
