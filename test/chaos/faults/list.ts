import type { Fault, FaultsOptions } from "./fault.ts";
import { listServerFaults } from "./servers.ts";
import { listSidecarFaults } from "./sidecars.ts";

/** All faults that this store and these sidecars can suffer. */
export function listFaults(options: FaultsOptions): readonly Fault[] {
  const { store, random } = options;
  const faults = listSidecarFaults(options);
  if (store.kind === "embedded") return faults;
  const own = store.faults.map(({ name, strike }) => ({ name, strike: () => strike(random) }));
  return [...faults, ...listServerFaults(options), ...own];
}
