import { setTimeout as sleep } from "node:timers/promises";
import type { Moment, Stopwatch } from "../../platform/clock.ts";
import { NameAnswers, type NameVerdict } from "./name-answers.ts";
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
  /** Told that no answer counts, nor one of before: the address may lead to several servers. */
  readonly onUnsure: () => void;
  /** Told that the address leads to another server than the one that is followed. */
  readonly onMoved: () => void;
  readonly troubles: Troubles;
  readonly signal: AbortSignal;
}

/** So that one answer that is late or lacking costs nothing; if no request comes, less may be to spare. */
const asksPerTrust = { active: 4, idle: 2 } as const;
const againAfterMs = 200;
const firstAfterMs = 20;
/** Servers that are reached in turn are not to be met in step with another sidecar. */
const jitter = 0.25;

/**
 * Asks again and again where the address of Redis leads.
 *
 * A server that was replaced, and was not told, answers on old connections as it always did. Only a new
 * connection shows that others are led elsewhere, and would never hear of a revocation that it took.
 */
export async function watchName(options: NameWatchOptions): Promise<void> {
  const { askName, followed, trustMs, isIdle, signal } = options;
  const answers = new NameAnswers(trustMs);
  const wait = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {});
  while (followed() === undefined && !signal.aborted) await wait(firstAfterMs);
  while (!signal.aborted) {
    const outcome = await askOnce(answers, options);
    // A Cluster tells by its slots who has them.
    if (askName === undefined) return;
    await wait(pauseMs(outcome, { trustMs, idle: isIdle() }) * (1 - jitter * Math.random()));
  }
}

/** What a look came to: `failed` also if the address leads elsewhere. */
export type NameOutcome = NameVerdict | "failed";

/** For how long the address is not asked after that, in milliseconds, at most: it is asked again before an answer is too old. */
export function pauseMs(
  outcome: NameOutcome,
  { trustMs, idle }: { readonly trustMs: number; readonly idle: boolean },
): number {
  const everyMs = trustMs / asksPerTrust[idle ? "idle" : "active"];
  if (outcome === "one") return everyMs;
  return Math.min(everyMs, outcome === "unsure" ? firstAfterMs : againAfterMs);
}

async function askOnce(answers: NameAnswers, options: NameWatchOptions): Promise<NameOutcome> {
  const { askName, followed, now, troubles, signal } = options;
  const asked = now();
  try {
    const run = await askName?.(signal);
    const verdict = run === undefined ? "one" : answers.note(run, asked);
    troubles.set("name", verdict === "several" ? leadsTo(answers.servers) : undefined);
    if (verdict !== "one") options.onUnsure();
    if (run !== undefined && run !== followed()) {
      options.onMoved();
      return "failed";
    }
    if (verdict === "one") options.onAgreed(asked);
    return verdict;
  } catch (error) {
    if (signal.aborted) return "failed";
    troubles.set("name", `a new connection to redis cannot be made: ${(error as Error).message}`);
    return "failed";
  }
}

function leadsTo(servers: readonly string[]): string {
  const runs = servers.map((run) => run.slice(0, 8)).join(", ");
  return `the address of redis leads to several servers in turn (run ids ${runs}): it must lead to one`;
}
