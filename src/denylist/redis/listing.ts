import { StoreUnavailableError } from "../../errors.ts";
import type { EntryName } from "../denylist.ts";
import type { RedisConnection } from "./connection.ts";
import type { KeySpace } from "./key-space.ts";

const namesPerBatch = 1000;

/** Some names of one shard. */
export type ListedNames = readonly [shard: string, names: EntryName[]];

/**
 * All names in a Cluster, some of one shard at a time. One shard is one slot: all its keys in one step, by the node
 * that has the slot to itself in that step.
 *
 * A SCAN over nodes would miss keys of a slot that moves meanwhile, and need not find any trace of a move
 * that was begun and taken back. Throws StoreUnavailableError if a name may be missing that was there all the time.
 */
export async function* namesBySlot(
  connection: RedisConnection,
  keys: KeySpace,
): AsyncGenerator<ListedNames, void> {
  const maps = await connection.slotMaps();
  for (const shard of keys.entryShards) {
    const slot = await connection.slotOf(keys.stateKeys(shard)[0]);
    const owner = maps.find(({ map }) => ownSlots(map)?.has(slot));
    const listed = owner && (await connection.keysIn(owner.node, slot));
    if (listed === undefined || ownSlots(listed.map)?.has(slot) !== true) {
      throw new StoreUnavailableError(`slot ${slot} of the cluster is moving, or no node has it`);
    }
    const names = namesIn(listed.keys, keys);
    for (let at = 0; at < names.length; at += namesPerBatch) {
      yield [shard, names.slice(at, at + namesPerBatch)] as const;
    }
  }
}

function namesIn(keys: readonly string[], space: KeySpace): EntryName[] {
  return keys.flatMap((key) => space.nameOf(key) ?? []);
}

/** Slots that a node has to itself. */
export interface SlotSet {
  has(slot: number): boolean;
}

/**
 * The slots that a node has to itself, by its own CLUSTER NODES: none that is on its way to it or from it.
 *
 * Undefined if the text has no line of the node itself.
 */
export function ownSlots(map: string): SlotSet | undefined {
  const line = map.split("\n").find((one) => /(^|,)myself(,|$)/.test(one.split(" ")[2] ?? ""));
  if (line === undefined) return undefined;
  const words = line.trim().split(" ").slice(8);
  const moving = new Set(words.flatMap((word) => /^\[(\d+)-[<>]-/.exec(word)?.[1] ?? []));
  const ranges = words
    .filter((word) => !word.startsWith("["))
    .map((word) => word.split("-").map(Number));
  return {
    has: (slot) =>
      !moving.has(String(slot)) &&
      ranges.some(([first = -1, last = first]) => first <= slot && slot <= last),
  };
}
