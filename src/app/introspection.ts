import type { Config } from "../config/load.ts";
import { createLineBudget } from "../observability/line-budget.ts";
import type { Logger } from "../observability/logger.ts";
import type { TokenMetrics } from "../observability/metrics/tokens.ts";
import { describe } from "../observability/request-log.ts";
import { withIntrospection } from "../token/introspection.ts";
import { createIntrospectionClient } from "../token/introspection-request.ts";
import { plainNames } from "../token/names.ts";
import type { Verifier, VerifierOptions } from "../token/verifier.ts";

/** Asks the issuer about tokens that are no JWTs, until it is closed. */
export interface OpenIntrospection {
  /** A verifier that does so. */
  around(verifier: Verifier): Verifier;
  close(): Promise<void>;
}

/** Opens it as configured; undefined if it is not. */
export function openIntrospection(
  { settings, files }: Config,
  options: VerifierOptions,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: TokenMetrics },
): OpenIntrospection | undefined {
  const { introspection } = settings.tokens;
  if (introspection === undefined) return undefined;
  const { url, clientId, cacheFor, timeout } = introspection;
  const clientSecret = files.introspectionSecret ?? "";
  const client = createIntrospectionClient({ url, clientId, clientSecret, timeoutMs: timeout });
  const warn = warnOfFailures(url, logger);
  const onAnswer = (result: "active" | "inactive" | Error) => {
    metrics.introspections[result instanceof Error ? "failed" : result].inc();
    if (result instanceof Error) warn(result);
  };
  const { names = plainNames, issuer, audience } = options;
  return {
    around: (verifier) =>
      withIntrospection(verifier, {
        ...{ ...options, names, issuer, audience },
        ...{ cacheMs: cacheFor, maxWaitMs: timeout, ask: client.ask, onAnswer },
      }),
    close: client.close,
  };
}

const maxLinesPerSecond = 1;

/** Logs that questions fail; made-up tokens must not fill the log. */
function warnOfFailures({ href: url }: URL, logger: Logger): (error: Error) => void {
  const mayWrite = createLineBudget(maxLinesPerSecond, (_kind: "failed", lines) =>
    logger.warn({ url, lines }, "more introspections failed"),
  );
  return (error) => {
    if (mayWrite("failed")) logger.warn({ url, cause: describe(error) }, "an introspection failed");
  };
}
