import { describeModel } from "../suite.ts";
import { servers } from "./model.ts";
import type { ServersWorld } from "./state.ts";

const quiet: ServersWorld = { reconnects: 1, released: false, oldDies: false };

describeModel({
  title: "two servers behind one name",
  build: servers,
  worlds: {
    "a logout while the name moves": quiet,
    "a revocation that the promoted replica lacks": { ...quiet, released: true, oldDies: true },
  },
  neededIn: {
    "a hold ends in the follower's epoch": "a logout while the name moves",
    "reader and follower at one server": "a logout while the name moves",
    "restored at the follower's server": "a revocation that the promoted replica lacks",
    "the name is asked again": "a logout while the name moves",
    "grace covers the looks": "a logout while the name moves",
    "a proof ends with its server": "a logout while the name moves",
  },
});
