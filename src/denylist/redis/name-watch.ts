import { setTimeout as sleep } from "node:timers/promises";
import type { Moment, Stopwatch } from "../../platform/clock.ts";
import type { Troubles } from "./troubles.ts";

/** What is asked, and who is told. */
export interface NameWatchOptions {
  /** Connects anew through the configured address; resolves to the run id of the server that is there. */
  readonly askName: ((signal: AbortSignal) => Promise<string>) | undefined;
  /** The run id of the server that is followed; undefined before there is one. */
  readonly followed: () => string | undefined;
  readonly now: Stopwatch;
  /** How old an answer that agreed may be for the server's word to count, in milliseconds. */
  readonly trustMs: number;
  /** Whether no request comes. */
  readonly isIdle: () => boolean;
  /** Told when an answer agreed: the moment in which it was asked. */
  readonly onAgreed: (asked: Moment) => void;
  /** Told that the address leads to another server than the one that is followed. */
  readonly onMoved: () => void;
  readonly troubles: Troubles;
  readonly signal: AbortSignal;
}

/** So that one answer that is late or lacking costs nothing; if no request comes, less may be to spare. */
const asksPerTrust = { active: 4, idle: 2 } as const;
const againAfterMs = 200;
const firstAfterMs = 20;

/**
 * Asks again and again where the address of Redis leads.
 *
 * A server that was replaced, and was not told, answers on old connections as it always did. Only a new
 * connection shows that others are led elsewhere, and would never hear of a revocation that it took.
 */
export async function watchName(options: NameWatchOptions): Promise<void> {
  const { askName, followed, trustMs, isIdle, signal } = options;
  const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {});
  while (followed() === undefined && !signal.aborted) await wait(firstAfterMs);
  while (!signal.aborted) {
    const agreed = await askOnce(options);
    // A Cluster tells by its slots who has them.
    if (askName === undefined) return;
    await wait(pauseMs(agreed, { trustMs, idle: isIdle() }));
  }
}

/** For how long the address is not asked after an answer, in milliseconds: it is asked again before that is too old. */
export function pauseMs(
  agreed: boolean,
  { trustMs, idle }: { readonly trustMs: number; readonly idle: boolean },
): number {
  const everyMs = trustMs / asksPerTrust[idle ? "idle" : "active"];
  return agreed ? everyMs : Math.min(everyMs, againAfterMs);
}

async function askOnce(options: NameWatchOptions): Promise<boolean> {
  const { askName, followed, now, onAgreed, onMoved, troubles, signal } = options;
  const asked = now();
  try {
    const run = await askName?.(signal);
    const agreed = run === undefined || run === followed();
    if (agreed) onAgreed(asked);
    else onMoved();
    troubles.set("name", undefined);
    return agreed;
  } catch (error) {
    if (signal.aborted) return false;
    troubles.set("name", `a new connection to redis cannot be made: ${(error as Error).message}`);
    return false;
  }
}
