import { describeModel } from "../suite.ts";
import { slots } from "./model.ts";

describeModel({
  title: "slots that move during a load",
  build: slots,
  worlds: { "a slot that moves back and forth": { moves: 3 } },
  neededIn: {
    "the map comes with each page": "a slot that moves back and forth",
    "no slot is under way": "a slot that moves back and forth",
  },
});
