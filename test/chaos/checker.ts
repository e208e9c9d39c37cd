/** What a client did with a token, and what came of it. Times in milliseconds of one clock. */
export interface Event {
  readonly token: number;
  readonly sidecar: number;
  readonly kind: "call" | "logout";
  readonly startedMs: number;
  readonly endedMs: number;
  /** The application's 2xx, a 401, or anything else: 5xx, a broken connection. */
  readonly outcome: "allowed" | "refused" | "failed";
}

/** A time in which a sidecar could not know what the others have revoked. */
export interface Blindness {
  readonly sidecar: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * A Redis that went back, as the same process, to what it had at `savedMs`, between two other moments.
 *
 * Until a sidecar looks that knows better, nothing in it shows that (docs/decisions/0031, "What remains").
 */
export interface Rollback {
  readonly savedMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A WebSocket that was opened under a token. */
export interface Connection {
  readonly token: number;
  readonly sidecar: number;
  readonly openedMs: number;
  /** Undefined while it is open. */
  closedMs?: number;
  /** Whether revgate said that it was because of the token. */
  wasCut?: boolean;
}

/** What all clients saw. */
export interface History {
  readonly events: readonly Event[];
  readonly blindness: readonly Blindness[];
  readonly rollbacks?: readonly Rollback[];
  readonly connections?: readonly Connection[];
  /** From when on a token may be refused for what it is: expired, or longer-lived than is allowed. */
  readonly endsMs?: ReadonlyMap<number, number>;
  /** When everything had been whole again for long enough; undefined before. */
  readonly settledMs?: number;
}

/** A promise that was broken. */
export interface Violation {
  readonly what:
    | "revoked token allowed"
    | "live token refused"
    | "allowed without knowing"
    | "revoked connection open"
    | "live connection cut";
  readonly event: Event | Connection;
}

/** Reads what all clients saw, and finds every promise that was broken. */
export function check(history: History): Violation[] {
  const { events, blindness, rollbacks = [], connections = [], settledMs, endsMs } = history;
  const { deadFromMs, triedFromMs } = readLogouts(events);
  const isDead = (event: Event) => {
    const deadMs = deadFromMs.get(event.token) ?? Infinity;
    return event.startedMs > deadMs && !rollbacks.some((each) => isUnnoticed(each, event, deadMs));
  };
  const isUntouched = (token: number, untilMs: number) =>
    untilMs < Math.min(triedFromMs.get(token) ?? Infinity, endsMs?.get(token) ?? Infinity);

  const broken = (event: Event): Violation["what"] | undefined => {
    const untouched = isUntouched(event.token, event.endedMs);
    if (event.outcome === "refused") return untouched ? "live token refused" : undefined;
    if (event.outcome !== "allowed") return undefined;
    if (isDead(event)) return "revoked token allowed";
    const blind = blindness.some((each) => liesIn(event, each));
    return blind ? "allowed without knowing" : undefined;
  };
  const brokenConnection = (each: Connection): Violation["what"] | undefined => {
    const { token, closedMs, wasCut } = each;
    if (closedMs !== undefined) {
      return wasCut && isUntouched(token, closedMs) ? "live connection cut" : undefined;
    }
    const isOver = settledMs !== undefined && settledMs > (deadFromMs.get(token) ?? Infinity);
    return isOver ? "revoked connection open" : undefined;
  };
  return [...violationsIn(events, broken), ...violationsIn(connections, brokenConnection)];
}

/** For how long connections stayed open after their token's end was answered, in milliseconds, in order. */
export function cutDelays({ events, connections = [] }: Omit<History, "blindness">): number[] {
  const { deadFromMs } = readLogouts(events);
  const delays = connections.flatMap(({ token, closedMs, wasCut }) => {
    const deadMs = deadFromMs.get(token);
    return wasCut && closedMs !== undefined && deadMs !== undefined
      ? [Math.max(0, closedMs - deadMs)]
      : [];
  });
  return delays.sort((a, b) => a - b);
}

function readLogouts(events: readonly Event[]) {
  const deadFromMs = new Map<number, number>();
  const triedFromMs = new Map<number, number>();
  for (const { token, kind, outcome, startedMs, endedMs } of events) {
    if (kind !== "logout") continue;
    lower(triedFromMs, token, startedMs);
    if (outcome === "allowed") lower(deadFromMs, token, endedMs);
  }
  return { deadFromMs, triedFromMs };
}

function violationsIn<Seen extends Event | Connection>(
  list: readonly Seen[],
  broken: (seen: Seen) => Violation["what"] | undefined,
): Violation[] {
  return list.flatMap((event) => {
    const what = broken(event);
    return what === undefined ? [] : [{ what, event }];
  });
}

function lower(times: Map<number, number>, token: number, timeMs: number): void {
  times.set(token, Math.min(times.get(token) ?? Infinity, timeMs));
}

/** How long it may take until a sidecar that knows better looks, on a busy machine. */
const noticedWithinMs = 1000;

/** Whether a call may have been answered by a server without what it had lost just then. */
function isUnnoticed({ savedMs, fromMs, toMs }: Rollback, call: Event, deadMs: number): boolean {
  const meets = call.endedMs >= fromMs && call.startedMs <= toMs + noticedWithinMs;
  return meets && deadMs >= savedMs;
}

function liesIn({ sidecar, startedMs, endedMs }: Event, blind: Blindness): boolean {
  return sidecar === blind.sidecar && startedMs >= blind.fromMs && endedMs <= blind.toMs;
}
