import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import type { Stopwatch } from "../platform/clock.ts";

/** Who counts and who logs for the store. */
export interface StoreContext {
  readonly metrics: Metrics<string>["store"];
  readonly logger: Logger;
  /** The two clocks of the machine; tests bring their own. */
  readonly stopwatch?: Stopwatch | undefined;
  /** Told of errors that no one caught; without it they end the command that met them. */
  readonly onUncaught?: ReportUncaught;
}
