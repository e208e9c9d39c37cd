import { Gauge, type Registry } from "prom-client";

/**
 * What can keep the store in Redis from being relied on: following the feed, finding the server by its name,
 * loading, asking, sending revocations, writing back what the store lacks, or secrets that have changed. `proof` keeps
 * nothing from being relied on: each proof of freshness costs more than it must.
 */
export const troubleSources = [
  "follow",
  "name",
  "load",
  "ask",
  "send",
  "restore",
  "proof",
  "secrets",
] as const;
/** One of them. */
export type TroubleSource = (typeof troubleSources)[number];

/** One series for each, which exists from the start. */
export type TroubleGauge = Readonly<Record<TroubleSource, { set(value: number): void }>>;

/** Makes the gauge that says what is wrong with the store in Redis. */
export function createTroubleGauge(registry: Registry): TroubleGauge {
  const gauge = new Gauge({
    name: "revgate_redis_trouble",
    help: "1 if the store in Redis cannot be relied on, by source: following the feed, finding the server by its name, loading, asking, sending revocations, writing back missing entries, or changed secrets; proof: it can, but the Redis user may not use the commands of cheap readings. The log gives the reason once.",
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
    proof: bind("proof"),
    secrets: bind("secrets"),
  };
}

/**
 * What Redis, TLS or the system says of a failure: the password is wrong, there is none, the user may not do
 * it, the certificates do not fit, no one is there, no one answers.
 */
export const redisCauses = [
  "wrongpass",
  "noauth",
  "noperm",
  "tls",
  "unreachable",
  "timeout",
  "other",
] as const;
/** One of them. */
export type RedisCause = (typeof redisCauses)[number];

/** Shows which causes there are at present. */
export type CauseGauge = (present: ReadonlySet<RedisCause>) => void;

/** Makes the gauge that says for which cause Redis fails. */
export function createCauseGauge(registry: Registry): CauseGauge {
  const gauge = new Gauge({
    name: "revgate_redis_failure",
    help: "1 while Redis fails for this cause. wrongpass, noauth and noperm are Redis's codes for a wrong password, no password, and a user without a permission.",
    labelNames: ["cause"],
    registers: [registry],
  });
  const show: CauseGauge = (present) => {
    for (const cause of redisCauses) gauge.set({ cause }, present.has(cause) ? 1 : 0);
  };
  show(new Set());
  return show;
}
