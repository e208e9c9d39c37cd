import type { Denylist } from "../denylist/denylist.ts";
import type { GateMetrics } from "../observability/metrics/requests.ts";
import type { UpgradeForwarder } from "../upstream/forward-upgrade.ts";
import type { MessageLimits } from "./begun-messages.ts";
import type { Checks } from "./checks.ts";
import type { Forwarding } from "./forwarding.ts";
import type { Refusals } from "./refuse.ts";
import type { LastResort } from "./uncaught.ts";
import type { UpgradedConnections } from "./upgraded-connections.ts";
import type { Outcome, Reception } from "./visit.ts";

/**
 * Everything that the way of a request passes by. app/assemble.ts puts it together once a configuration;
 * each step declares, and gets, only its part.
 */
export interface Gate extends Reception, Checks, Refusals, LastResort, Forwarding, MessageLimits {
  readonly denylist: Denylist;
  readonly metrics: GateMetrics<Outcome>;
  readonly forwardUpgrade: UpgradeForwarder;
  readonly upgraded: UpgradedConnections;
}
