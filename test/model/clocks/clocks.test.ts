import { describeModel } from "../suite.ts";
import { type ClocksWorld, clocks } from "./model.ts";

const quiet: ClocksWorld = {
  redis: false,
  steps: [],
  suspensions: 0,
  restarts: 0,
  cutoffs: false,
};

describeModel({
  title: "clocks that step",
  build: clocks,
  worlds: {
    "ahead for a while": { ...quiet, steps: [3, -3], restarts: 2 },
    "behind for a while": { ...quiet, steps: [-3, 3], restarts: 2 },
    "a machine that is suspended": { ...quiet, suspensions: 2, restarts: 1 },
    "cut-offs under a clock that steps": { ...quiet, steps: [3, -6, 3], cutoffs: true },
    "cut-offs under a clock that is wrong from the start": {
      ...quiet,
      ...{ redis: true, steps: [3, -6, 3], restarts: 1, cutoffs: true },
    },
  },
  neededIn: {
    "retention by the earlier clock": "ahead for a while",
    "acceptance by the later clock": "a machine that is suspended",
    "the sweep line": "ahead for a while",
    "the sweep line is on disk": "ahead for a while",
    "what is dropped was swept": "ahead for a while",
    "cut-offs while the clocks agree": "cut-offs under a clock that steps",
    "redis's time is a clock": "cut-offs under a clock that is wrong from the start",
  },
});
