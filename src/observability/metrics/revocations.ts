import { Counter, type Registry } from "prom-client";
import { type Makers, syncBuckets } from "./makers.ts";

/** What brought a revocation about. */
export const revocationTriggers = [
  "route",
  "unknown_outcome",
  "recovery",
  "command",
  "import",
  "signal",
] as const;
/** One of the triggers. */
export type RevocationTrigger = (typeof revocationTriggers)[number];

/** A revocation, as far as it is counted. */
export interface Revoked {
  readonly kind: string;
}

/** Counts revocations. */
export type CountRevoked = (trigger: RevocationTrigger, entries: readonly Revoked[]) => void;

/** Makes the counter of revocations, with a series for each trigger and kind. */
export function createRevocations(registry: Registry, kinds: readonly string[]): CountRevoked {
  const counter = new Counter({
    name: "revgate_revocations_total",
    help: "Revocations, by what they name (kind; tok: one token) and by what caused them (trigger): route, unknown_outcome (the outcome of a revoking request is unknown), recovery (in progress at a crash), command, import, signal (an identity provider's event).",
    labelNames: ["trigger", "kind"],
    registers: [registry],
  });
  const children = Object.fromEntries(
    revocationTriggers.map((trigger) => [
      trigger,
      bindChildren(kinds, (kind) => counter.labels(trigger, kind)),
    ]),
  );
  return (trigger, entries) => {
    for (const { kind } of entries) children[trigger]?.[kind]?.inc();
  };
}

/** A response is being held while these are revoked; what it returns is called when the hold is over. */
export type StartHold = (entries: readonly Revoked[]) => (released: boolean) => void;

/** Makes what is measured of held responses. */
export function createHolds(make: Makers, countRevoked: CountRevoked): StartHold {
  const holdSeconds = make.histogram(
    "revgate_hold_duration_seconds",
    "How long the application's answer was held until the revocation was in force.",
    syncBuckets,
  );
  const holds = make.gauge("revgate_holds", "Answers being held now.");
  const withheld = make.counter(
    "revgate_holds_withheld_total",
    "Answers withheld because the revocation could not be put in force: the client got revocation_pending.",
  );
  return (entries) => {
    const stop = holdSeconds.startTimer();
    holds.inc();
    countRevoked("route", entries);
    return (released) => {
      stop();
      holds.dec();
      if (!released) withheld.inc();
    };
  };
}

/** Binds a counter's children once, and has each series exist from the start. */
function bindChildren<Value extends string>(
  values: readonly Value[],
  bind: (value: Value) => Counter.Internal,
): Record<Value, Counter.Internal> {
  const children = values.map((value) => {
    const child = bind(value);
    child.inc(0);
    return [value, child] as const;
  });
  return Object.fromEntries(children) as Record<Value, Counter.Internal>;
}
