import { StoreUnavailableError } from "../../errors.ts";
import { type Clock, largestToleranceSeconds } from "../../platform/clock.ts";
import type { Entry } from "../denylist.ts";
import { parseEntry } from "../entry-text.ts";
import { inSlices } from "./in-slices.ts";
import type { RedisReplica } from "./replica.ts";
import type { SnapshotHead } from "./snapshot-head.ts";
import type { Epoch } from "./store-state.ts";

/** What is loaded, and where to. */
export interface SnapshotLoadOptions {
  readonly replica: Pick<RedisReplica, "snapshots">;
  readonly epoch: Epoch;
  /** By this, things are forgotten. */
  readonly clock: Clock;
  readonly onEntries: (entries: readonly Entry[]) => void;
  /** Ends it early. */
  readonly isWanted: () => boolean;
}

/** So many parts are on their way while one is dealt with. */
const partsAhead = 2;

/**
 * Loads what the store held when the snapshot was made, and then what came into the feed since: together, all that it holds
 * (docs/decisions/0088).
 *
 * Resolves to false if there is no snapshot, or it is not whole, or the clock of its writer was ahead: then everything is
 * to be loaded another way. Rejects with StoreUnavailableError if the store does not stay in its epoch, or the load is not
 * wanted any more.
 */
export async function loadSnapshot(options: SnapshotLoadOptions): Promise<boolean> {
  const { replica, epoch, onEntries, isWanted } = options;
  const head = await findHead(options);
  if (head === undefined) return false;
  for await (const lines of partsOf(head, options)) {
    if (!isWanted()) throw interrupted();
    if (lines === undefined || !(await takeOver(lines, onEntries))) return false;
  }
  for await (const some of replica.snapshots.since(head.tail, epoch)) {
    if (!isWanted()) throw interrupted();
    if (some === undefined) return false;
    await inSlices(some.entries, onEntries);
  }
  return true;
}

/** A revocation is kept for longer beyond its token than clocks may differ, but its writer's may have been wrong by more. */
async function findHead({ replica, epoch, clock }: SnapshotLoadOptions) {
  const { head } = await replica.snapshots.find(epoch);
  const until = clock.nowSeconds() + largestToleranceSeconds;
  return head !== undefined && head.lacksUntil <= until ? head : undefined;
}

/** The parts one by one, each asked for before it is its turn. */
async function* partsOf(head: SnapshotHead, { replica, epoch }: SnapshotLoadOptions) {
  const asked: Promise<string[] | undefined>[] = [];
  for (let number = 0; number < head.parts || asked.length > 0; number += 1) {
    if (number < head.parts) {
      const lines = replica.snapshots.part(head, number, epoch);
      // A failure is told when it is its turn.
      lines.catch(() => {});
      asked.push(lines);
    }
    if (number >= partsAhead) yield await asked.shift();
  }
}

/** Whether each line was an entry. */
async function takeOver(
  lines: readonly string[],
  onEntries: (entries: readonly Entry[]) => void,
): Promise<boolean> {
  let areSound = true;
  await inSlices(lines, (some) => {
    const entries = some.flatMap((line) => parseEntry(line) ?? []);
    areSound &&= entries.length === some.length;
    onEntries(entries);
  });
  return areSound;
}

/** Something came in between. */
export function interrupted(): StoreUnavailableError {
  return new StoreUnavailableError("the load was interrupted");
}
