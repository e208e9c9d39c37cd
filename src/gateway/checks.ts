import type { Denylist } from "../denylist/denylist.ts";
import type { FieldLines } from "../http/field-lines.ts";
import type { GateMetrics } from "../observability/metrics/requests.ts";
import type { RequestLog } from "../observability/request-log.ts";
import type { BoundedWait } from "../platform/bounded-wait.ts";
import type { CredentialSource } from "../token/credential.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { CorsOptions } from "./cors.ts";
import type { TokenChecks } from "./other-tokens.ts";
import type { Route } from "./route.ts";
import type { RouteTable } from "./route-table.ts";
import type { TargetOptions } from "./target.ts";
import type { Denial } from "./verdict.ts";
import type { BodyChecks, Outcome, Visit } from "./visit.ts";

/** What requests are judged by. */
export interface Checks extends TokenChecks, BodyChecks {
  readonly target: TargetOptions;
  readonly routes: RouteTable;
  readonly sources: readonly CredentialSource[];
  readonly cors: CorsOptions;
  readonly denylist: Pick<Denylist, "lookUp" | "ask">;
  /** Has a request wait for a key beside others. */
  readonly waitForKeys: BoundedWait;
  readonly metrics: GateMetrics<Outcome>;
  readonly log: RequestLog;
  /** Sees what was decided, and decides otherwise; undefined: what the checks say holds. */
  readonly observe: ((visit: Visit, admission: Admission) => Admission) | undefined;
  /** Why a credential is invalid, in one line. */
  readonly whyInvalid: (credential: string) => string | undefined;
}

/** A request that may pass. */
export interface Admitted {
  readonly kind: "pass";
  readonly route: Route;
  readonly token: VerifiedToken | undefined;
  /** What else it carries that the route would revoke. */
  readonly otherTokens: readonly VerifiedToken[];
  /** What else it carries that the route would spare. */
  readonly spared: readonly VerifiedToken[];
}

/** What all checks say of a request. */
export type Admission =
  | Admitted
  | Denial
  /** A preflight, which revgate answers itself. */
  | { readonly kind: "answer"; readonly headers: FieldLines };
