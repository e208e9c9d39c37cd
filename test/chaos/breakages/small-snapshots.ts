import type { Change } from "./breakage.ts";

const file = "denylist/redis/snapshot-keeper.js";

/** Snapshots as a large store has them, with what a run of chaos revokes. */
export const smallSnapshots: readonly Change[] = [
  { file, from: /minEntries \?\? 50_000/, to: "minEntries ?? 30" },
  { file, from: /minLines \?\? 500/, to: "minLines ?? 5" },
  { file, from: /everyMs \?\? 10_000/, to: "everyMs ?? 150" },
  { file, from: /entriesPerPart = 2000/, to: "entriesPerPart = 20" },
  { file, from: /maxAgeSeconds = 86_400/, to: "maxAgeSeconds = 15" },
  { file, from: /minApartMs = 5 \* 60_000/, to: "minApartMs = 500" },
];
