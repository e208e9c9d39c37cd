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

/** What all clients saw. */
export interface History {
  readonly events: readonly Event[];
  readonly blindness: readonly Blindness[];
}

/** A promise that was broken. */
export interface Violation {
  readonly what: "revoked token allowed" | "live token refused" | "allowed without knowing";
  readonly event: Event;
}

/** Reads what all clients saw, and finds every promise that was broken. */
export function check({ events, blindness }: History): Violation[] {
  const deadFromMs = new Map<number, number>();
  const triedFromMs = new Map<number, number>();
  for (const { token, kind, outcome, startedMs, endedMs } of events) {
    if (kind !== "logout") continue;
    lower(triedFromMs, token, startedMs);
    if (outcome === "allowed") lower(deadFromMs, token, endedMs);
  }
  const isDead = ({ token, startedMs }: Event) => startedMs > (deadFromMs.get(token) ?? Infinity);
  const isUntouched = ({ token, endedMs }: Event) => endedMs < (triedFromMs.get(token) ?? Infinity);
  const broken = (event: Event): Violation["what"] | undefined => {
    if (event.outcome === "refused") return isUntouched(event) ? "live token refused" : undefined;
    if (event.outcome !== "allowed") return undefined;
    if (isDead(event)) return "revoked token allowed";
    const blind = blindness.some((each) => liesIn(event, each));
    return blind ? "allowed without knowing" : undefined;
  };
  return events.flatMap((event) => {
    const what = broken(event);
    return what === undefined ? [] : [{ what, event }];
  });
}

function lower(times: Map<number, number>, token: number, timeMs: number): void {
  times.set(token, Math.min(times.get(token) ?? Infinity, timeMs));
}

function liesIn({ sidecar, startedMs, endedMs }: Event, blind: Blindness): boolean {
  return sidecar === blind.sidecar && startedMs >= blind.fromMs && endedMs <= blind.toMs;
}
