import { type Clock, type EpochSeconds, type Stopwatch, systemStopwatch } from "./clock.ts";
import { EarliestOffset } from "./earliest-offset.ts";

/** The clock of another machine, read once. */
export interface ReferenceTime {
  /** What that clock said, in milliseconds since 1970. */
  readonly timeMs: number;
  /** When the question was sent and the answer received, by the monotonic clock of this machine. */
  readonly sentMs: number;
  readonly receivedMs: number;
}

/** What an anchored clock needs to know. */
export interface AnchoredClockOptions {
  readonly stopwatch?: Stopwatch;
  /** By how many seconds clocks may differ. Less than `minToleranceSeconds` counts as that. */
  readonly toleranceSeconds: number;
}

/**
 * A clock that notices when time jumps.
 *
 * The monotonic clock never jumps, but it stands still while the machine is suspended, and it does not
 * say what time it is. So it is anchored to the wall clock, and the two are compared on every use. If a
 * third clock is known (Redis's), it decides which of the two is right. While any two differ by more than
 * the tolerance, the time is in doubt, and docs/decisions/0029 says what then holds.
 */
export interface AnchoredClock extends Clock {
  earliestSeconds(): EpochSeconds;
  /**
   * By this, things may be forgotten: the earliest time that any clock has shown in the last day or two.
   *
   * A wall clock that is ahead for a while makes nothing be forgotten early.
   */
  readonly retention: Clock;
  /** Why the time is in doubt, for the operator; undefined if it is not. */
  readonly doubt: string | undefined;
  /** By how much the clocks differ at present, in seconds. */
  readonly differenceSeconds: number;
  /** By how many seconds clocks may differ at present, the floor included. */
  readonly toleranceSeconds: number;
  /** Changes by how many seconds clocks may differ. */
  tolerate(seconds: number): void;
  /** Takes what another machine's clock says; undefined: it is out of reach. */
  refer(reference: ReferenceTime | undefined): void;
  /** Calls back at once when the wall clock has jumped, and within a second when the time comes into doubt or is out of it. */
  onChange(listener: (change: ClockChange) => void): void;
  close(): void;
}

/**
 * What became of the time. `stepped`: the wall clock has jumped by so much; negative is back. `doubted`:
 * clocks disagree, and why. `settled`: they agree again.
 */
export type ClockChange =
  | { readonly kind: "stepped"; readonly byMs: number }
  | { readonly kind: "doubted"; readonly reason: string }
  | { readonly kind: "settled" };

/** The floor of the tolerance: two clocks that are read one after the other never agree to the millisecond. */
export const minToleranceSeconds = 2;

/** How long a wall clock that has jumped must go on evenly before it is believed without a third clock. */
export const settleMs = 30_000;

const checkEveryMs = 1000;
/** A reference that was not renewed for so long is none. */
const maxReferenceAgeMs = 60_000;

/** Starts the clock; the wall clock is believed at first. */
export function openAnchoredClock(options: AnchoredClockOptions): AnchoredClock {
  const clock = new ComparedClocks(options);
  clock.start();
  return clock;
}

interface Reference {
  readonly offset: number;
  readonly errorMs: number;
  readonly atMs: number;
}

/** All clocks are kept as offsets from the monotonic one, in milliseconds. */
class ComparedClocks implements AnchoredClock {
  readonly retention: Clock = { nowSeconds: () => this.#retentionSeconds() };
  readonly #stopwatch: Stopwatch;
  readonly #earliest: EarliestOffset;
  readonly #listeners: ((change: ClockChange) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #monotonicMs: number;
  #wall: number;
  #anchor: number;
  #reference: Reference | undefined;
  #toleranceMs = 0;
  /** When the wall clock last jumped. */
  #steppedAtMs = Number.NEGATIVE_INFINITY;
  #toldDoubt = false;

  constructor({ stopwatch = systemStopwatch, toleranceSeconds }: AnchoredClockOptions) {
    this.#stopwatch = stopwatch;
    this.tolerate(toleranceSeconds);
    const { monotonicMs, wallMs } = this.#stopwatch();
    this.#monotonicMs = monotonicMs;
    this.#wall = wallMs - monotonicMs;
    this.#anchor = this.#wall;
    this.#earliest = new EarliestOffset(this.#wall, monotonicMs);
  }

  start(): void {
    this.#timer = setInterval(() => this.check(), checkEveryMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  nowSeconds(): EpochSeconds {
    this.#read();
    const offset = this.#isInDoubt() ? Math.max(...this.#offsets()) : this.#wall;
    return (this.#monotonicMs + offset) / 1000;
  }

  earliestSeconds(): EpochSeconds {
    this.#read();
    const offset = this.#isInDoubt() ? Math.min(...this.#offsets()) : this.#wall;
    return (this.#monotonicMs + offset) / 1000;
  }

  get toleranceSeconds(): number {
    return this.#toleranceMs / 1000;
  }

  get differenceSeconds(): number {
    this.#read();
    return (Math.max(...this.#offsets()) - Math.min(...this.#offsets())) / 1000;
  }

  get doubt(): string | undefined {
    this.#read();
    if (this.#hasJumped()) {
      return `this machine's clock is ${describe(this.#wall - this.#anchor)} what it should be by its monotonic clock: it was set, or the machine was suspended`;
    }
    const reference = this.#reference;
    if (reference === undefined || this.#agrees(reference)) return undefined;
    return `this machine's clock is ${describe(this.#wall - reference.offset)} that of redis`;
  }

  refer(reference: ReferenceTime | undefined): void {
    this.#read();
    // What was asked before the wall clock jumped may have been answered before a suspension.
    if (reference === undefined || reference.sentMs < this.#steppedAtMs) {
      this.#reference = undefined;
      return;
    }
    const { timeMs, sentMs, receivedMs } = reference;
    const errorMs = (receivedMs - sentMs) / 2;
    this.#reference = { offset: timeMs - (sentMs + errorMs), errorMs, atMs: receivedMs };
    this.#settle();
  }

  tolerate(seconds: number): void {
    this.#toleranceMs = 1000 * Math.max(minToleranceSeconds, seconds);
  }

  onChange(listener: (change: ClockChange) => void): void {
    this.#listeners.push(listener);
  }

  /** Compares the clocks, and tells of a doubt that has come or gone. */
  check(): void {
    const reason = this.doubt;
    if ((reason !== undefined) === this.#toldDoubt) return;
    this.#toldDoubt = reason !== undefined;
    this.#tell(reason === undefined ? { kind: "settled" } : { kind: "doubted", reason });
  }

  #retentionSeconds(): EpochSeconds {
    this.#read();
    return (this.#monotonicMs + this.#earliest.value) / 1000;
  }

  /** Reads both clocks of the machine. Every use begins with it, so that no jump goes unnoticed. */
  #read(): void {
    const { monotonicMs, wallMs } = this.#stopwatch();
    const byMs = wallMs - monotonicMs - this.#wall;
    this.#monotonicMs = monotonicMs;
    if (byMs !== 0) this.#wall += byMs;
    this.#earliest.note(this.#wall, monotonicMs);
    if (Math.abs(byMs) > this.#toleranceMs) {
      this.#steppedAtMs = monotonicMs;
      this.#reference = undefined;
      this.#tell({ kind: "stepped", byMs });
    }
    if (monotonicMs - (this.#reference?.atMs ?? monotonicMs) > maxReferenceAgeMs) {
      this.#reference = undefined;
    }
    this.#settle();
  }

  /** Sets the anchor anew if the wall clock is to be believed. */
  #settle(): void {
    const reference = this.#reference;
    const isEven = this.#monotonicMs - this.#steppedAtMs >= settleMs;
    const isRight = reference === undefined ? isEven : this.#agrees(reference);
    if (isRight || !this.#hasJumped()) this.#anchor = this.#wall;
  }

  #hasJumped(): boolean {
    return Math.abs(this.#wall - this.#anchor) > this.#toleranceMs;
  }

  #agrees({ offset, errorMs }: Reference): boolean {
    return Math.abs(offset - this.#wall) <= this.#toleranceMs + errorMs;
  }

  #isInDoubt(): boolean {
    return this.#hasJumped() || (this.#reference !== undefined && !this.#agrees(this.#reference));
  }

  #offsets(): readonly number[] {
    return [this.#wall, this.#anchor, this.#reference?.offset ?? this.#wall];
  }

  #tell(change: ClockChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function describe(ms: number): string {
  return `${(Math.abs(ms) / 1000).toFixed(1)} s ${ms > 0 ? "ahead of" : "behind"}`;
}
