import { setTimeout as sleep } from "node:timers/promises";
import { send } from "./http.ts";

/** What a gate holds of its clients: connections, streams, requests that wait, answers that are held. */
const gauges = [
  "revgate_connections",
  "revgate_http2_connections",
  "revgate_http2_streams",
  "revgate_live_connections",
  "revgate_upgraded_connections",
  "revgate_upstream_queue",
  "revgate_holds",
] as const;

const [patienceMs, pauseMs] = [60_000, 20];

/** Resolves when a gate holds nothing of its clients any more; rejects, with what is left, if that does not come. */
export async function untilNothingIsLeft({
  adminUrl,
}: {
  readonly adminUrl: string;
}): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const { text } = await send(`${adminUrl}/metrics`);
    const left = gauges.filter((name) => !new RegExp(`^${name} 0$`, "m").test(text));
    if (left.length === 0) return;
    if (performance.now() >= deadlineMs) throw new Error(`left: ${left.join(", ")}`);
    await sleep(pauseMs);
  }
}
