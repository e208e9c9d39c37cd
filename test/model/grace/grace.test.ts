import { describeModel } from "../suite.ts";
import { grace } from "./model.ts";

const quiet = { flushes: 0, evictions: 0, pauses: 0, revokes: false };

describeModel({
  title: "the grace period",
  build: grace,
  worlds: {
    "everything is lost, twice": { ...quiet, flushes: 2, pauses: 1 },
    "a key is evicted, twice": { ...quiet, evictions: 2, pauses: 1 },
    "everything is lost during a logout": { ...quiet, flushes: 1, revokes: true },
    "a key is evicted during a logout": { ...quiet, evictions: 1, revokes: true },
  },
  neededIn: {
    "everybody confirms": "a key is evicted during a logout",
    "confirmed behind the write-back": "a key is evicted, twice",
    "a confirmation names its epoch": "a key is evicted, twice",
    "digests of what is there": "a key is evicted, twice",
    "a floor under a lost roster": "everything is lost, twice",
    "the floor is the largest staleness": "everything is lost during a logout",
    "only the feed of an empty store is a load": "a key is evicted during a logout",
  },
});
