import { adminPortFuzzer } from "./admin-port.ts";
import { configurationFuzzer } from "./configuration.ts";
import { controlSocketFuzzer } from "./control-socket.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { journalFuzzer } from "./journal.ts";
import { sharedStoreFuzzer } from "./shared-store.ts";
import { slowPeersFuzzer } from "./slow-peers.ts";
import { exemptionsFuzzer, logoutsFuzzer } from "./targets.ts";

/** All fuzzers, in the order in which they run; `../fuzz.ts` says how to add one. */
export const fuzzers: readonly Fuzzer[] = [
  exemptionsFuzzer,
  logoutsFuzzer,
  configurationFuzzer,
  adminPortFuzzer,
  controlSocketFuzzer,
  journalFuzzer,
  sharedStoreFuzzer,
  slowPeersFuzzer,
];
