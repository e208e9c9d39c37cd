import { setTimeout as sleep } from "node:timers/promises";
import type { TestRedis } from "../helpers/redis.ts";
import type { Blindness } from "./checker.ts";
import type { Random } from "./random.ts";
import type { Sidecar } from "./sidecar.ts";
import type { ChaosStore } from "./store.ts";

/** Something that goes wrong for a while. Resolves when it is over. */
export interface Fault {
  readonly name: string;
  readonly strike: () => Promise<void>;
}

/** What faults are made of. */
export interface FaultsOptions {
  readonly random: Random;
  readonly sidecars: readonly Sidecar[];
  readonly store: ChaosStore;
  readonly onBlind: (blindness: Blindness) => void;
}

const stalenessMs = 150;

/** All faults that this store and these sidecars can suffer. */
export function listFaults(options: FaultsOptions): readonly (() => Fault)[] {
  const { random, sidecars, store } = options;
  const onSidecar = (make: (sidecar: Sidecar, index: number) => Fault) => () => {
    const index = random.between(0, sidecars.length - 1);
    const sidecar = sidecars[index];
    if (sidecar === undefined) throw new Error("no sidecar");
    return make(sidecar, index);
  };
  const onServer = (make: (server: TestRedis) => Fault) => () => make(random.pick(store.servers));
  const sidecarFaults = [
    onSidecar((sidecar) => killSidecar(sidecar)),
    onSidecar((sidecar) => pauseSidecar(sidecar, random)),
    onSidecar((sidecar) => breakDisk(sidecar, "full", random)),
    onSidecar((sidecar) => breakDisk(sidecar, "slow", random)),
  ];
  if (store.servers.length === 0) return sidecarFaults;
  return [
    ...sidecarFaults,
    onSidecar((sidecar) => replaceSidecar(sidecar)),
    onSidecar((sidecar, index) => cutSidecar(sidecar, index, options)),
    onServer((server) => killServer(server, options)),
    onServer((server) => pauseServer(server, options)),
    onServer((server) => flushServer(server)),
    ...(store.failOver === undefined ? [] : [failOver(store.failOver)]),
  ];
}

function killSidecar(sidecar: Sidecar): Fault {
  return {
    name: "sidecar killed",
    async strike() {
      await sidecar.kill();
      await sidecar.restart();
    },
  };
}

function replaceSidecar(sidecar: Sidecar): Fault {
  return {
    name: "sidecar replaced",
    async strike() {
      await sidecar.kill();
      sidecar.wipe();
      await sidecar.restart();
    },
  };
}

function pauseSidecar(sidecar: Sidecar, random: Random): Fault {
  const lengthMs = random.between(50, 1500);
  return {
    name: "sidecar paused",
    async strike() {
      sidecar.signal("SIGSTOP");
      await sleep(lengthMs);
      sidecar.signal("SIGCONT");
    },
  };
}

function breakDisk(sidecar: Sidecar, disk: "full" | "slow", random: Random): Fault {
  const lengthMs = random.between(100, 1500);
  return {
    name: `disk ${disk}`,
    async strike() {
      await sidecar.suffer({ disk });
      await sleep(lengthMs);
      await sidecar.suffer({});
    },
  };
}

function cutSidecar(sidecar: Sidecar, index: number, { random, onBlind }: FaultsOptions): Fault {
  const lengthMs = random.between(50, 1500);
  return {
    name: "network cut",
    async strike() {
      await sidecar.suffer({ network: "cut" });
      const cutMs = performance.now();
      await sleep(lengthMs);
      const toMs = performance.now();
      await sidecar.suffer({});
      onBlind({ sidecar: index, fromMs: cutMs + stalenessMs, toMs });
    },
  };
}

/** While the only server there is does not answer, nobody can know. */
async function blindly(options: FaultsOptions, work: () => Promise<void>): Promise<void> {
  const fromMs = performance.now() + stalenessMs;
  await work();
  const toMs = performance.now();
  if (!options.store.isOne) return;
  for (const sidecar of options.sidecars.keys()) options.onBlind({ sidecar, fromMs, toMs });
}

function killServer(server: TestRedis, options: FaultsOptions): Fault {
  const lengthMs = options.random.between(50, 1200);
  return {
    name: "redis killed",
    async strike() {
      await server.kill();
      await blindly(options, () => sleep(lengthMs));
      await server.start();
      await options.store.whole();
    },
  };
}

function pauseServer(server: TestRedis, options: FaultsOptions): Fault {
  // Shorter than it takes the sentinel to give the server up.
  const lengthMs = options.random.between(50, 800);
  return {
    name: "redis paused",
    async strike() {
      server.signal("SIGSTOP");
      await blindly(options, () => sleep(lengthMs));
      server.signal("SIGCONT");
      await options.store.whole();
    },
  };
}

function flushServer(server: TestRedis): Fault {
  return {
    name: "redis flushed",
    async strike() {
      // A replica refuses.
      await server.client.flushall().catch(() => {});
    },
  };
}

function failOver(strike: () => Promise<void>) {
  return (): Fault => ({ name: "failover", strike });
}
