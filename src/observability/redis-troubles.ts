import { Gauge, type Registry } from "prom-client";

/**
 * What can keep the store in Redis from being relied on: following the feed, finding the server by its name,
 * loading, asking, sending revocations, or writing back what the store lacks.
 */
export const troubleSources = ["follow", "name", "load", "ask", "send", "restore"] as const;
/** One of them. */
export type TroubleSource = (typeof troubleSources)[number];

/** One series for each, which exists from the start. */
export type TroubleGauge = Readonly<Record<TroubleSource, { set(value: number): void }>>;

/** Makes the gauge that says what is wrong with the store in Redis. */
export function createTroubleGauge(registry: Registry): TroubleGauge {
  const gauge = new Gauge({
    name: "revgate_redis_trouble",
    help: "1 if something keeps the store in Redis from being relied on, by source: following the feed, finding the server by its name, loading, asking, sending revocations, or writing back what Redis lacks. The log says why, once.",
    labelNames: ["source"],
    registers: [registry],
  });
  const bind = (source: TroubleSource) => {
    gauge.set({ source }, 0);
    return gauge.labels(source);
  };
  return {
    follow: bind("follow"),
    name: bind("name"),
    load: bind("load"),
    ask: bind("ask"),
    send: bind("send"),
    restore: bind("restore"),
  };
}
