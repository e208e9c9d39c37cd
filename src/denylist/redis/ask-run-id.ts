import type { RedisConnectionOptions } from "./client.ts";
import { RedisConnection } from "./connection.ts";

/**
 * Connects anew to a server by itself, or to the one that sentinels name, asks its run id and leaves again.
 *
 * Takes as long as a connection and two commands may, at most. Rejects with StoreUnavailableError if there is no answer in time.
 */
export async function askRunId(
  options: RedisConnectionOptions,
  signal: AbortSignal,
): Promise<string> {
  const { onConnection, ...silent } = options;
  const connectTimeoutMs = Math.min(options.connectTimeoutMs, options.commandTimeoutMs);
  // A greeting would cost Redis more than the question: that is all it is asked.
  const connection = new RedisConnection({ ...silent, connectTimeoutMs, silent: true });
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    await connection.ready();
    const [info = ""] = await connection.info("server");
    return /run_id:(\w+)/.exec(info)?.[1] ?? "unknown";
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}
