import { adminPortFuzzer } from "./admin-port.ts";
import { configurationFuzzer } from "./configuration.ts";
import { controlSocketFuzzer } from "./control-socket.ts";
import { decisionsPortFuzzer } from "./decisions-port.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { journalFuzzer } from "./journal.ts";
import { sharedStoreFuzzer } from "./shared-store.ts";
import { slowPeersFuzzer } from "./slow-peers.ts";
import { exemptionsFuzzer, logoutsFuzzer } from "./targets.ts";

/** What clients send: `npm test` runs these on both engines. */
export const requestFuzzers: readonly Fuzzer[] = [exemptionsFuzzer, logoutsFuzzer, slowPeersFuzzer];

/** What is read of anybody else, by parts that are the same with every engine. */
export const otherFuzzers: readonly Fuzzer[] = [
  configurationFuzzer,
  adminPortFuzzer,
  controlSocketFuzzer,
  decisionsPortFuzzer,
  journalFuzzer,
  sharedStoreFuzzer,
];

/** All fuzzers, in the order in which they run; `../fuzz.ts` says how to add one. */
export const fuzzers: readonly Fuzzer[] = [...requestFuzzers, ...otherFuzzers];
