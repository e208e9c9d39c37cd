import { setTimeout as sleep } from "node:timers/promises";
import { type Fault, type FaultsOptions, onSidecar } from "./fault.ts";

const stalenessMs = 150;
/** Longer than anything is remembered here. */
const stepSeconds = 4 * 60 * 60;

/** The faults of sidecars, of their disks, clocks and files. */
export function listSidecarFaults(options: FaultsOptions): Fault[] {
  const faults = [...processFaults(options), ...diskFaults(options), ...settingFaults(options)];
  return options.store.kind === "embedded" ? faults : [...faults, ...sharedFaults(options)];
}

function processFaults(options: FaultsOptions): Fault[] {
  const { random } = options;
  return [
    onSidecar(options, "sidecar killed", async (sidecar) => {
      await sidecar.kill();
      await sidecar.restart();
    }),
    onSidecar(options, "sidecar stopped", async (sidecar) => {
      await sidecar.stop();
      await sleep(random.between(0, 3000));
      await sidecar.restart();
    }),
    onSidecar(options, "sidecar paused", async (sidecar) => {
      sidecar.signal("SIGSTOP");
      await sleep(random.between(50, 1500));
      sidecar.signal("SIGCONT");
    }),
  ];
}

function diskFaults(options: FaultsOptions): Fault[] {
  const breakDisk = (disk: "full" | "slow") =>
    onSidecar(options, `disk ${disk}`, async (sidecar) => {
      await sidecar.suffer({ disk });
      await sleep(options.random.between(100, 1500));
      await sidecar.suffer({});
    });
  const removed = onSidecar(options, "journal removed", (sidecar) => sidecar.loseJournal());
  return [breakDisk("full"), breakDisk("slow"), removed];
}

function settingFaults(options: FaultsOptions): Fault[] {
  const { random } = options;
  const step = (name: string, seconds: number) =>
    onSidecar(options, name, async (sidecar) => {
      sidecar.clock.setOff(seconds);
      await sleep(random.between(50, 2500));
      sidecar.clock.setOff(0);
    });
  return [
    step("clock ahead", stepSeconds),
    step("clock behind", -stepSeconds),
    onSidecar(options, "settings changed", (sidecar) =>
      sidecar.reconfigure({
        clockTolerance: random.pick(["0s", "5s", "5m"]),
        maxLifetime: random.pick(["30m", "2h"]),
      }),
    ),
  ];
}

/** What only those with a store to share can suffer. */
function sharedFaults(options: FaultsOptions): Fault[] {
  const { random, onBlind } = options;
  return [
    // As a pod that is moved to another node.
    onSidecar(options, "sidecar replaced", async (sidecar) => {
      await sidecar.kill();
      sidecar.wipe();
      await sidecar.restart();
    }),
    onSidecar(options, "network cut", async (sidecar, index) => {
      await sidecar.suffer({ network: "cut" });
      const cutMs = performance.now();
      await sleep(random.between(50, 1500));
      const toMs = performance.now();
      await sidecar.suffer({});
      onBlind({ sidecar: index, fromMs: cutMs + stalenessMs, toMs });
    }),
  ];
}
