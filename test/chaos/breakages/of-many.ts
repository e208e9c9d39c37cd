import type { Breakage } from "./breakage.ts";

const ends = "sidecar replaced";

/** What sidecars with a Redis can do wrong. */
export const breakagesOfMany = {
  /** A logout is answered as soon as Redis has it. */
  "no-hold": {
    changes: [
      {
        file: "denylist/redis/propagation.js",
        from: /await sleep\(epoch\.stalenessMs[^;]*;/,
        to: "",
      },
    ],
    topology: "single",
    only: ["redis paused"],
    violation: "revoked token allowed",
  },
  /** A Redis that has lost its data is not filled again. */
  "no-write-back": {
    changes: [
      {
        file: "denylist/redis/write-back.js",
        from: /write\(shard, lacking, options\)/,
        to: "Promise.resolve()",
      },
    ],
    topology: "single",
    only: ["redis flushed", ends],
    violation: "revoked token allowed",
  },
  /** A snapshot lacks what it says that it has. */
  "no-part-of-a-snapshot": {
    changes: [
      {
        file: "denylist/redis/snapshot-keeper.js",
        from: /entries\.slice\(from, from \+ entriesPerPart\)/,
        to: "entries.slice(from, from + 1)",
      },
    ],
    topology: "single",
    only: [ends],
    smallSnapshots: true,
    violation: "revoked token allowed",
  },
  /** Keys that were evicted were never there. */
  "no-look-at-evictions": {
    changes: [
      {
        file: "denylist/redis/store-state.js",
        from: /written\.count === now\.evicted \|\| allowEviction/,
        to: "true",
      },
      {
        file: "denylist/redis/eviction-watch.js",
        from: /this\.#mayEvict = policy !== "noeviction"/,
        to: "this.#mayEvict = false",
      },
    ],
    topology: "single",
    only: ["redis evicts", ends],
    violation: "revoked token allowed",
  },
  /** A server that went back to older data, as the same process, has lost nothing. */
  "no-look-at-the-last-line": {
    changes: [
      {
        file: "denylist/redis/feed-follower.js",
        from: /position === "gone" \|\| tail === "gone"/,
        to: "false",
      },
      {
        file: "denylist/redis/feed-follower.js",
        from: /if \(position !== "there"\)/,
        to: "if (false)",
      },
    ],
    topology: "single",
    only: ["redis goes back", ends],
    violation: "revoked token allowed",
  },
  /** Keys that expired under a clock that was ahead were never there. */
  "no-guard": {
    changes: [
      {
        file: "denylist/redis/store-state.js",
        from: /if \(written\.guarded !== written\.id\)/,
        to: "if (false)",
      },
      {
        file: "denylist/redis/store-state.js",
        from: /written\.count === now\.evicted \|\| allowEviction/,
        to: "true",
      },
    ],
    topology: "single",
    only: ["redis clock ahead", ends],
    violation: "revoked token allowed",
  },
  /** The word of any server counts, wherever the address leads by now. */
  "no-look-at-the-address": {
    changes: [
      { file: "denylist/redis/freshness.js", from: /(isAgreed\(\) \{)/, to: "$1 return true;" },
      {
        file: "denylist/redis/name-watch.js",
        from: /run !== undefined && run !== followed\(\)/,
        to: "false",
      },
    ],
    topology: "service",
    only: ["address moves on"],
    violation: "revoked token allowed",
  },
  /** A load lists what a node has of a slot, also while the slot is on its way. */
  "no-look-at-slots": {
    changes: [
      {
        file: "denylist/redis/listing.js",
        from: /ownSlots\(listed\.map\)\?\.has\(slot\) !== true/,
        to: "false",
      },
      { file: "denylist/redis/listing.js", from: /!moving\.has\(String\(slot\)\) &&/, to: "" },
    ],
    topology: "cluster",
    only: ["slot moves during a load"],
    violation: "revoked token allowed",
  },
} as const satisfies Record<string, Breakage>;
