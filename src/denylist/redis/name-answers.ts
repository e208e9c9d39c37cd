import type { Moment } from "../../platform/clock.ts";

/** `one`: it leads to one server; `unsure`: it has not said so often enough; `several`: to one, and to another, in turn. */
export type NameVerdict = "one" | "unsure" | "several";

/** So many answers must be alike before one counts: of two servers behind an address, one by itself answers them all seldom. */
const alikeBeforeOne = 5;
/** For so many times the trust in an answer, a server that the address led to before is remembered. */
const rememberedTrusts = 10;

/**
 * What the answers so far say about where the address of Redis leads.
 *
 * An address that has moved leads to the new server from then on. One that leads to two servers, by chance or in turn
 * (a Service of Kubernetes with two endpoints), leads back to a server that it had left: then a single answer proves nothing.
 */
export class NameAnswers {
  readonly #trustMs: number;
  /** When it led elsewhere, by the monotonic clock: a step of the other must not make that long ago. */
  readonly #left = new Map<string, number>();
  #run: string | undefined;
  #alike = 0;
  /** Since when it has led to the same server again, until that is long enough. */
  #backSinceMs: number | undefined;

  /** `trustMs`: for how long an answer is good. */
  constructor(trustMs: number) {
    this.#trustMs = trustMs;
  }

  /** The servers that it led to of late: their run ids. */
  get servers(): readonly string[] {
    return [...this.#left.keys(), ...(this.#run === undefined ? [] : [this.#run])].sort();
  }

  /** Takes an answer: the run id of the server, and when it was asked for. */
  note(run: string, { monotonicMs }: Moment): NameVerdict {
    if (run !== this.#run) this.#turn(run, monotonicMs);
    this.#alike += 1;
    if (this.#backSinceMs !== undefined) {
      if (monotonicMs - this.#backSinceMs < this.#trustMs) return "several";
      this.#backSinceMs = undefined;
    }
    return this.#alike < alikeBeforeOne ? "unsure" : "one";
  }

  #turn(run: string, nowMs: number): void {
    if (this.#run !== undefined) this.#left.set(this.#run, nowMs);
    for (const [server, atMs] of this.#left) {
      if (nowMs - atMs >= rememberedTrusts * this.#trustMs) this.#left.delete(server);
    }
    if (this.#left.delete(run) || this.#backSinceMs !== undefined) this.#backSinceMs = nowMs;
    this.#run = run;
    this.#alike = 0;
  }
}
