import type { Entry } from "../denylist.ts";
import type { KeySpace } from "./key-space.ts";

/** Entries by the shard that they belong to, each in its order. */
export function groupByShard(entries: readonly Entry[], keys: KeySpace): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const shard = keys.shardOf(entry);
    const group = groups.get(shard);
    if (group === undefined) groups.set(shard, [entry]);
    else group.push(entry);
  }
  return groups;
}
