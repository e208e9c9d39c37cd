import type { Denylist, Entry } from "../denylist/denylist.ts";
import { keptBeyondSeconds } from "../denylist/retention.ts";
import type { RevocationTrigger } from "../observability/metrics/revocations.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import { createTurns } from "../platform/turns.ts";
import { untilCutOff } from "../revocation/cut-off.ts";
import type { SecurityEvent } from "../token/events/security-event.ts";
import type { SignalledWhose } from "../token/events/shared-signals.ts";
import type { Name } from "../token/names.ts";
import {
  type SignalledEntriesOptions,
  type SignalSource,
  signalledEntries,
} from "./signalled-entries.ts";

/** What events are carried out with. */
export interface ReceptionOptions extends SignalledEntriesOptions {
  readonly denylist: Pick<Denylist, "lookUp" | "ask" | "revoke">;
  readonly onRevoked: (trigger: RevocationTrigger, entries: readonly Entry[]) => void;
}

/**
 * What became of an event: carried out; the same as one before; or one too many of its issuer, which is to
 * try again.
 */
export type SignalOutcome =
  | { readonly kind: "new"; readonly entries: readonly Entry[] }
  | { readonly kind: "known" }
  | { readonly kind: "too_many" };

/** Carries out an event. */
export type Receive = (
  event: SecurityEvent<SignalSource>,
  whose: readonly SignalledWhose[],
  how: {
    /** Asked if there is something to carry out: an event that is sent again uses no one's share up. */
    readonly mayCarryOut: (issuer: string) => boolean;
    /** Tokens issued after that are not meant; by default, those issued from now on. */
    readonly until?: EpochSeconds | undefined;
  },
) => Promise<SignalOutcome>;

/** Max number of copies of one event that wait for each other: no one sends more while one is being carried out. */
const maxCopies = 8;

/**
 * Carries events out, each once.
 *
 * That it has been is remembered like a revocation, so every sidecar knows; and only when it has been, so
 * that its sender can try again where it could not be.
 */
export function createReception(options: ReceptionOptions): Receive {
  const { denylist, clock, onRevoked } = options;
  const inTurn = createTurns(maxCopies);

  return async (event, whose, { mayCarryOut, until }) => {
    const name = options.names.event(event.source.issuer, event.jti);
    const received = inTurn(name.value, () => {
      const entries = signalledEntries(event.source, whose, { ...options, until });
      return receiveOnce(event, { entries, name, mayCarryOut });
    });
    return received ?? { kind: "too_many" };
  };

  async function receiveOnce(
    { expiresAt, source }: SecurityEvent<SignalSource>,
    {
      entries,
      name,
      mayCarryOut,
    }: {
      readonly entries: readonly Entry[];
      readonly name: Name;
      readonly mayCarryOut: (issuer: string) => boolean;
    },
  ): Promise<SignalOutcome> {
    if (await isKnown(name)) return { kind: "known" };
    if (entries.length === 0) return { kind: "new", entries };
    if (!mayCarryOut(source.issuer)) return { kind: "too_many" };
    await carryOut(entries, { kind: "jti", ...name, expiresAt });
    return { kind: "new", entries };
  }

  async function carryOut(entries: readonly Entry[], used: Entry): Promise<void> {
    await Promise.all([denylist.revoke(entries), untilCutOff(entries, clock)]);
    onRevoked("signal", entries);
    await denylist.revoke([{ ...used, expiresAt: used.expiresAt + keptBeyondSeconds }]);
  }

  async function isKnown({ value, former }: Name): Promise<boolean> {
    const others = former.map((each) => ({ kind: "jti", value: each }) as const);
    // Under no other name: it is no token that could have been revoked by one.
    const names = { id: value, jti: value, others };
    const known = denylist.lookUp(names);
    return (known === "ask" ? await denylist.ask(names) : known) === "revoked";
  }
}
