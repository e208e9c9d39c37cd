import { describe } from "node:test";
import { describeFuzzers } from "./fuzzers/describe.ts";
import { otherFuzzers } from "./fuzzers/index.ts";

describe("whatever is read that is no client's request", () => {
  describeFuzzers(otherFuzzers);
});
