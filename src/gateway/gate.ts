import type { Denylist, UnknownOutcome } from "../denylist/denylist.ts";
import type { GateMetrics } from "../observability/metrics.ts";
import type { RequestLog } from "../observability/request-log.ts";
import type { Tracing } from "../observability/trace.ts";
import type { Clock } from "../platform/clock.ts";
import type { Lifetimes } from "../revocation/entries.ts";
import type { CredentialSource } from "../token/credential.ts";
import type { Verifier } from "../token/verifier.ts";
import type { UpgradeForwarder } from "../upstream/forward-upgrade.ts";
import type { RequestHeaderOptions } from "../upstream/headers.ts";
import type { ConnectionPool } from "../upstream/http1/connection-pool.ts";
import type { CorsOptions } from "./cors.ts";
import type { LiveConnections } from "./live-connections.ts";
import type { createPeerReader } from "./peer.ts";
import type { Responder } from "./respond.ts";
import type { RouteTable } from "./route.ts";
import type { TargetOptions } from "./target.ts";
import type { Outcome } from "./visit.ts";

/** Everything the way of a request passes by; put together once, by app.ts. */
export interface Gate {
  readonly target: TargetOptions;
  readonly routes: RouteTable;
  readonly sources: readonly CredentialSource[];
  /** The headers among the sources, in lower case. */
  readonly credentialHeaders: RequestHeaderOptions["credentialHeaders"];
  readonly ownHeaders: RequestHeaderOptions["ownHeaders"];
  readonly withheld: RequestHeaderOptions["withheld"];
  readonly verifier: Verifier;
  /** The longest credential, in bytes, that is looked at. */
  readonly tokenBytes: number;
  /** The longest body, in bytes, that is read for the sake of what is in it. */
  readonly bodyBytes: number;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly denylist: Denylist;
  readonly live: LiveConnections;
  readonly onUnknownOutcome: UnknownOutcome;
  readonly cors: CorsOptions;
  readonly responder: Responder;
  readonly application: ConnectionPool;
  readonly forwardUpgrade: UpgradeForwarder;
  readonly readPeer: ReturnType<typeof createPeerReader>;
  readonly metrics: GateMetrics<Outcome>;
  readonly log: RequestLog;
  /** Undefined where no spans are exported. */
  readonly tracing: Pick<Tracing, "record"> | undefined;
}
