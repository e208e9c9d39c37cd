import { configurationFuzzer } from "./configuration.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { exemptionsFuzzer, logoutsFuzzer } from "./targets.ts";

/** All fuzzers, in the order in which they run; `../fuzz.ts` says how to add one. */
export const fuzzers: readonly Fuzzer[] = [exemptionsFuzzer, logoutsFuzzer, configurationFuzzer];
