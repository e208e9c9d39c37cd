import type { Blindness, Rollback } from "../checker.ts";
import type { Random } from "../random.ts";
import type { Sidecar } from "../sidecar.ts";
import type { ChaosServer, ChaosStore } from "../stores/store.ts";

/** Something that goes wrong for a while. */
export interface Fault {
  readonly name: string;
  /** Resolves when it is over. */
  readonly strike: () => Promise<void>;
}

/** What faults are made of. */
export interface FaultsOptions {
  readonly random: Random;
  readonly sidecars: readonly Sidecar[];
  readonly store: ChaosStore;
  readonly onBlind: (blindness: Blindness) => void;
  readonly onRollback: (rollback: Rollback) => void;
}

/** A fault of any one sidecar. */
export function onSidecar(
  { random, sidecars }: FaultsOptions,
  name: string,
  strike: (sidecar: Sidecar, index: number) => Promise<void>,
): Fault {
  return {
    name,
    strike() {
      const index = random.between(0, sidecars.length - 1);
      const sidecar = sidecars[index];
      if (sidecar === undefined) throw new Error("no sidecar");
      return strike(sidecar, index);
    },
  };
}

/** A fault of any one server of the store. */
export function onServer(
  { random, store }: FaultsOptions,
  name: string,
  strike: (server: ChaosServer) => Promise<void>,
): Fault {
  return { name, strike: () => strike(random.pick(store.servers())) };
}
