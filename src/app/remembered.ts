import type { Config } from "../config/load.ts";
import { lifetimesOf } from "../config/routes.ts";
import { forGood } from "../denylist/retention.ts";

/** For how long a revocation that does not name a single token is remembered. */
export function rememberedSeconds({ settings }: Config): number {
  const { maxLifetimeSeconds, undated } = lifetimesOf(settings);
  return undated ? forGood : maxLifetimeSeconds;
}
