import { describeModel } from "../suite.ts";
import { loss } from "./model.ts";
import type { LossWorld } from "./state.ts";

const quiet: LossWorld = {
  apart: false,
  evictions: 0,
  clockSteps: 0,
  rollbacks: 0,
  restarts: 0,
  otherLines: 0,
  pauses: 0,
  trims: 0,
};

describeModel({
  title: "losses without a restart",
  build: loss,
  worlds: {
    "a policy that evicts": { ...quiet, evictions: 2, pauses: 1 },
    "a redis whose clock steps": { ...quiet, clockSteps: 2, pauses: 1 },
    "a server that goes back": { ...quiet, evictions: 1, rollbacks: 1, otherLines: 2, pauses: 1 },
    "a shard that goes back": { ...quiet, apart: true, evictions: 1, rollbacks: 1, otherLines: 1 },
    "a shard that restarts, a feed that is trimmed": {
      ...quiet,
      ...{ apart: true, restarts: 1, pauses: 1, trims: 1, otherLines: 2 },
    },
  },
  neededIn: {
    "an eviction ends the epoch": "a policy that evicts",
    "a step of redis's clock is a loss": "a redis whose clock steps",
    "the last line itself": "a server that goes back",
    "each shard has one's own mark": "a shard that goes back",
    "no line before its key": "a server that goes back",
    "newcomers wait for a notice": "a redis whose clock steps",
    "what may have been missed is restored": "a shard that restarts, a feed that is trimmed",
  },
});
