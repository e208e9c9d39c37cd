import { describeModel } from "../suite.ts";
import { recovery } from "./model.ts";
import type { RecoveryWorld } from "./state.ts";

const quiet: RecoveryWorld = {
  redis: "always",
  crashes: 2,
  compactions: 0,
  flushes: 0,
  removals: 0,
  secondProcess: false,
  secondRequest: false,
};

describeModel({
  title: "recovery",
  build: recovery,
  worlds: {
    crash: { ...quiet, compactions: 1 },
    "redis configured later": { ...quiet, redis: "later", compactions: 1 },
    "a file that is removed": { ...quiet, redis: "never", removals: 1, compactions: 1 },
    "a file that is removed, a redis that loses everything": { ...quiet, removals: 1, flushes: 1 },
    "two processes": { ...quiet, secondProcess: true, compactions: 1 },
    "two logouts": { ...quiet, secondRequest: true },
  },
  neededIn: {
    "recovered intents are in the outbox": "crash",
    "delivered before it serves": "crash",
    "shared is what was acknowledged": "redis configured later",
    "the journal is the file in the directory": "a file that is removed",
    "restores what it knows": "a file that is removed, a redis that loses everything",
    "one writer": "two processes",
    "judged again behind the intent": "two logouts",
  },
});
