import { describeModel } from "../suite.ts";
import { staleness } from "./model.ts";
import type { Rule, World } from "./state.ts";

const quiet = {
  count: 2,
  otherLines: 0,
  trims: 0,
  suspensions: 0,
  losses: 0,
  failovers: 0,
} as const;

const worlds = {
  feed: {
    ...{ ...quiet, name: "a short COUNT, a feed that is trimmed" },
    ...{ staleness: [1], hold: 1, count: 1, otherLines: 1, trims: 1, ticks: 3 },
  },
  settings: {
    ...{ ...quiet, name: "two readers with differing settings" },
    ...{ staleness: [1, 2], hold: 1, ticks: 3 },
  },
  suspension: {
    ...{ ...quiet, name: "a reader on a machine that is suspended" },
    ...{ staleness: [1], hold: 1, suspensions: 2, ticks: 3 },
  },
  loss: {
    ...{ ...quiet, name: "a Redis that loses everything" },
    ...{ staleness: [1], hold: 1, losses: 1, ticks: 3 },
  },
  failover: {
    ...{ ...quiet, name: "a replica that takes over while the old primary still answers" },
    ...{ staleness: [1], hold: 1, failovers: 1, steadyReadings: true, ticks: 2 },
  },
} satisfies Record<string, World>;

/** In which world each rule is needed. */
const neededIn: Record<Rule, keyof typeof worlds> = {
  "one staleness": "settings",
  "a full batch proves nothing": "feed",
  "both acknowledgements": "feed",
  "a second logout waits too": "feed",
  "the feed was not trimmed": "feed",
  "both clocks": "suspension",
  "fresh at the decision": "feed",
  "age from the sending": "feed",
  "an epoch": "loss",
  "a grace period": "loss",
  "the hold is confirmed": "loss",
  "a new server means a load": "failover",
  "stale tables load": "loss",
  "a proof goes by its own connection": "failover",
};

describeModel({ title: "strict local reads", build: staleness, worlds, neededIn });
