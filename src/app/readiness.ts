import type { DenylistHealth } from "../denylist/denylist.ts";
import type { Drain } from "../server/drain.ts";
import type { CurrentAssembly } from "./assembly.ts";
import type { InForce } from "./in-force.ts";
import type { Store } from "./store.ts";

/** What a process goes through. */
export interface Life {
  state: "starting" | "serving" | "stopping";
}

/** What readiness depends on. */
export interface ReadinessParts {
  readonly inForce: Pick<InForce, "verification">;
  readonly store: Pick<Store, "clock" | "trouble" | "denylist">;
  readonly drain: Pick<Drain, "begun">;
  readonly life: Readonly<Life>;
  readonly current: Pick<CurrentAssembly, "keySets">;
}

/** Whether requests should be sent here, and if not, why. */
export function readinessOf({
  inForce,
  store,
  drain,
  life,
  current,
}: ReadinessParts): DenylistHealth {
  const no = (reason: string) => ({ ready: false, reason });
  if (life.state === "stopping") return no("shutting down");
  if (drain.begun) return no("draining");
  if (life.state === "starting") return no("starting");
  const doubt = store.clock.doubt ?? store.trouble;
  if (doubt !== undefined) return no(doubt);
  const health = store.denylist.health();
  const trouble = inForce.verification.keysTrouble();
  if (health.ready && trouble !== undefined) return no(trouble);
  // Still trusted, so still ready; but anyone who looks is told. Without a transmitter's keys, its events alone wait.
  const doubts = [inForce.verification, current.keySets].map((sets) => sets?.keysDoubt());
  return { ...health, reason: health.reason ?? doubts.find((each) => each !== undefined) };
}
