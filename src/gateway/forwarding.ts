import type { Denylist } from "../denylist/denylist.ts";
import type { GateMetrics } from "../observability/metrics/requests.ts";
import type { ApplicationPools } from "../upstream/application-pool.ts";
import type { RequestHeaderOptions } from "../upstream/request-headers.ts";
import type { Checks } from "./checks.ts";
import type { HoldOptions } from "./hold-options.ts";
import type { LiveConnections } from "./live-connections.ts";
import type { HintReaders } from "./record.ts";
import type { LastResort } from "./uncaught.ts";
import type { SharedBudget } from "./unproven.ts";
import type { Outcome } from "./visit.ts";

/** What admitted requests are forwarded with, and what a revoking one is held by. */
export interface Forwarding
  extends LastResort,
    Omit<RequestHeaderOptions, "readsAnswer" | "upgrades">,
    Checks,
    HintReaders,
    Pick<
      HoldOptions,
      "clock" | "lifetimes" | "onUnknownOutcome" | "verifier" | "holdTimeoutMs" | "bodyBytes"
    > {
  readonly application: ApplicationPools;
  readonly live: Pick<LiveConnections, "add" | "isRevoked">;
  readonly denylist: Pick<
    Denylist,
    | "intend"
    | "revoke"
    | "lookUp"
    | "ask"
    | "sessionOf"
    | "knownSession"
    | "sessionsOf"
    | "knownBeginning"
  >;
  readonly unproven: SharedBudget;
  readonly unprovenLinks: SharedBudget;
  readonly metrics: GateMetrics<Outcome>;
}
