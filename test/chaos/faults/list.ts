import { type Fault, type FaultsOptions, onSidecar } from "./fault.ts";
import { listServerFaults } from "./servers.ts";
import { listSidecarFaults } from "./sidecars.ts";

const loadsWithinMs = 5000;

/** All faults that this store and these sidecars can suffer. */
export function listFaults(options: FaultsOptions): readonly Fault[] {
  const { store, random } = options;
  const faults = listSidecarFaults(options);
  if (store.kind === "embedded") return faults;
  const own = store.faults.map(({ name, strike }) => ({ name, strike: () => strike(random) }));
  return [...faults, ...listServerFaults(options), ...own, ...duringLoads(options)];
}

/** Again and again, while a sidecar that knows nothing loads everything. */
function duringLoads(options: FaultsOptions): Fault[] {
  const { store, random } = options;
  return store.faults.map(({ name, strike }) =>
    onSidecar(options, `${name} during a load`, async (sidecar) => {
      await sidecar.kill();
      sidecar.wipe();
      const giveUpAtMs = performance.now() + loadsWithinMs;
      let isOver = false;
      const load = sidecar
        .restart()
        .then(() => sidecar.untilReady(giveUpAtMs))
        .finally(() => {
          isOver = true;
        });
      // If the fault itself fails, that is what is told, not that the load ends with the run.
      load.catch(() => {});
      while (!isOver && performance.now() < giveUpAtMs) await strike(random);
      await load;
    }),
  );
}
