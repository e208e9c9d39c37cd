import type { OnCutoffAhead } from "../denylist/cutoffs-ahead.ts";
import type { OnTrouble } from "../denylist/redis/troubles.ts";
import { causeOf, whyNotConnected } from "../denylist/redis/why.ts";
import type { TroubleSource } from "../observability/redis-troubles.ts";
import type { StoreContext } from "./store-context.ts";

/** Who is told what Redis does. */
export interface RedisReports {
  readonly onConnection: (up: boolean, error: Error | undefined) => void;
  readonly onTrouble: OnTrouble;
}

/** What each source of trouble means to an operator. */
const troubleMeanings = {
  follow: "the denylist in redis cannot be relied on",
  name: "redis cannot be found by its address",
  load: "the denylist in redis cannot be loaded",
  ask: "redis cannot be asked",
  send: "revocations cannot be sent to redis",
  restore: "missing entries cannot be written back to redis",
  proof: "redis refuses commands that would make readings of the feed cheaper",
  secrets: "redis does not accept the changed secrets",
} as const satisfies Record<TroubleSource, string>;

/** Logs what keeps the store from being relied on each time that its cause changes, and shows it in metrics. */
export function createRedisReports({ metrics, logger }: StoreContext): RedisReports {
  const reasons = new Map<TroubleSource | "connection", string>();
  /** Whether that is news: addresses and times in it are not. */
  const note = (source: TroubleSource | "connection", reason: string | undefined): boolean => {
    const before = reasons.get(source);
    if (reason === undefined) reasons.delete(source);
    else reasons.set(source, reason);
    const causes = [...reasons.values()].map(causeOf);
    metrics.redisCauses(new Set(causes.filter((cause) => cause !== undefined)));
    return withoutDigits(before) !== withoutDigits(reason);
  };
  let known = false;
  return {
    onConnection(up, error) {
      metrics.redisUp.set(up ? 1 : 0);
      const reason = up ? undefined : whyNotConnected(error);
      if (!note("connection", reason) && known) return;
      known = true;
      if (reason === undefined) logger.info("connected to redis");
      else logger.error({ reason, cause: causeOf(reason) }, "redis is not connected");
    },
    onTrouble(source, reason) {
      metrics.redisTrouble[source].set(reason === undefined ? 0 : 1);
      if (!note(source, reason)) return;
      if (reason === undefined) logger.info({ source }, `no more: ${troubleMeanings[source]}`);
      else {
        const cause = causeOf(reason);
        // What was not tried yet, as at every start, is no trouble.
        logger[cause === undefined ? "info" : "warn"](
          { source, reason, cause },
          troubleMeanings[source],
        );
      }
    },
  };
}

const [maxNamedAhead, namedAgainAfterMs] = [20, 60_000];

/** Counts cut-offs in the future, and logs the first ones of each minute by name. */
export function reportCutoffsAhead({ metrics, logger }: StoreContext): OnCutoffAhead {
  const named = new Set<string>();
  let sinceMs = Number.NEGATIVE_INFINITY;
  return ({ entry, seconds }) => {
    metrics.cutoffsAhead.inc();
    if (performance.now() > sinceMs + namedAgainAfterMs) {
      named.clear();
      sinceMs = performance.now();
    }
    if (named.has(entry.value) || named.size >= maxNamedAhead) return;
    named.add(entry.value);
    logger.warn(
      { kind: entry.kind, name: entry.value, seconds },
      "a revocation in redis ends the tokens that a subject will get in the next seconds, too: no sidecar with a right clock makes such a cut-off",
    );
  };
}

function withoutDigits(text: string | undefined): string | undefined {
  return text?.replace(/\d+/g, "#");
}
