/** What is counted over time. */
export type TimelineKind = "revocations" | "cuts";

/** How much came in each of the last minutes, the oldest first; the last one is not over yet. */
export type TimelineCounts = Readonly<Record<TimelineKind, readonly number[]>>;

/** Counts what happened in each minute of the last hour. */
export interface Timeline {
  count(kind: TimelineKind): void;
  read(): TimelineCounts;
}

const minutes = 60;
const minuteMs = 60_000;

/** Makes one. `nowMs`: a clock that only goes forward, so that a jump of the wall clock moves nothing. */
export function createTimeline(nowMs: () => number = () => performance.now()): Timeline {
  const counts = { revocations: [0], cuts: [0] };
  let latestMinute = Math.floor(nowMs() / minuteMs);

  function advance(): void {
    const minute = Math.floor(nowMs() / minuteMs);
    const passed = Math.min(minute - latestMinute, minutes);
    latestMinute = minute;
    if (passed === 0) return;
    for (const kind of ["revocations", "cuts"] as const)
      counts[kind] = [...counts[kind], ...Array<number>(passed).fill(0)].slice(-minutes);
  }

  return {
    count(kind) {
      advance();
      const list = counts[kind];
      list[list.length - 1] = (list.at(-1) ?? 0) + 1;
    },
    read() {
      advance();
      return { revocations: [...counts.revocations], cuts: [...counts.cuts] };
    },
  };
}
