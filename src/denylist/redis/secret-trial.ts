import { setTimeout as sleep } from "node:timers/promises";
import { BackOff } from "./back-off.ts";
import type { RedisConnectionOptions } from "./client.ts";
import { RedisConnection } from "./connection.ts";
import { causeOf } from "./why.ts";

/** What tells that Redis does not take the secrets, and not that it is away. */
const refusals: readonly string[] = ["wrongpass", "noauth", "noperm", "tls"];

/**
 * Tries secrets that have changed on a connection of their own, again and again until Redis takes them.
 *
 * Those before them stay in use until then: with a mistaken password no sidecar could connect anew, which
 * each does every second to see where the address leads. Tells each time why Redis refuses them (undefined:
 * it has taken them); resolves to whether it has in the end.
 */
export async function trySecrets(
  options: RedisConnectionOptions,
  onOutcome: (why: string | undefined) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const backOff = new BackOff({ firstMs: 250, maxMs: 5000 });
  while (!signal.aborted) {
    const why = await whyRefused(options, signal);
    if (signal.aborted) return false;
    if (why === undefined || refusals.includes(causeOf(why) ?? "")) onOutcome(why);
    if (why === undefined) return true;
    await sleep(backOff.nextMs(performance.now()), undefined, { signal }).catch(() => {});
  }
  return false;
}

/** Connects once; resolves to why that fails. */
async function whyRefused(
  options: RedisConnectionOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const connection = new RedisConnection({ ...options, name: "revgate-trial" });
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    await connection.ready();
    return undefined;
  } catch {
    return connection.whyDown;
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}
