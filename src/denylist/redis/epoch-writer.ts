import { randomBytes } from "node:crypto";
import { ignored, type OnIgnored } from "../ignored.ts";
import type { Write } from "./entry-writer.ts";
import { lostLine, type NewLine } from "./feed-line.ts";
import type { KeySpace } from "./key-space.ts";
import { guardMs } from "./script-state.ts";
import type { ShardState } from "./store-state.ts";

/** What a sidecar says of itself and the others. */
export interface Beat {
  readonly leaves: boolean;
  readonly died: readonly string[];
  readonly sawOlder: boolean;
}

/** What a beat tells of the sidecars there are. */
export interface Beats {
  /** How often each has beaten; `left` if it does no more. */
  readonly counts: ReadonlyMap<string, string>;
  /** Whether some are of an older form, which do not beat. */
  readonly older: boolean;
}

/** What is written, and how. */
export interface EpochWriterOptions {
  readonly keys: KeySpace;
  /** What a new epoch says of staleness, in milliseconds. */
  readonly stalenessMs: number;
  /** At the follower's server. */
  readonly write: Write;
  /** The same, and no replica is waited for. */
  readonly run: Write;
  /** Runs commands at the follower's server. */
  readonly inOneStep: (
    commands: readonly (readonly (string | number)[])[],
  ) => Promise<readonly unknown[]>;
  /** Tells the other sidecars. */
  readonly publish: (lines: readonly NewLine[]) => Promise<ShardState>;
  readonly stateOf: (reply: unknown) => ShardState;
  /** Told of sidecars that no revgate can have written. */
  readonly onIgnored?: OnIgnored | undefined;
}

const olderForMs = 24 * 3600 * 1000;
const maxAwaited = 5000;

/** Begins epochs, and says who lives and who has written back to one. */
export class EpochWriter {
  readonly #options: EpochWriterOptions;

  constructor(options: EpochWriterOptions) {
    this.#options = options;
  }

  /**
   * Begins a new epoch of a shard that was found changed, at the follower's server; resolves to what it is like
   * then. Its grace period ends when the sidecars in `awaited` have confirmed; without them, by itself.
   */
  async establish(
    shard: string,
    found: string,
    { graceMs, awaited }: { readonly graceMs: number; readonly awaited: readonly string[] },
  ): Promise<ShardState> {
    const { keys, stalenessMs, write, publish, stateOf } = this.#options;
    // Told before it is done: a new epoch of which no other sidecar knows would be trusted too soon.
    if (shard !== keys.feedShard) await publish([lostLine(shard)]);
    const id = randomBytes(12).toString("base64url");
    const some = awaited.length > maxAwaited ? [] : awaited;
    const args = [found, id, stalenessMs, graceMs, guardMs, ...some];
    const { spread, rosterKeys, nameFormsKey, mainIssuerKey, readingsKey, livesKey } = keys;
    const others = spread
      ? []
      : [...rosterKeys, nameFormsKey, mainIssuerKey, readingsKey, livesKey];
    const touched = [...keys.stateKeys(shard), ...others];
    return stateOf(await write("establish", touched, args));
  }

  /** Says that a sidecar has written back to that epoch of a shard what was missing. */
  async confirm(shard: string, epochId: string, sidecar: string): Promise<ShardState> {
    const { keys, write, stateOf } = this.#options;
    return stateOf(await write("confirm", keys.stateKeys(shard), [epochId, sidecar]));
  }

  /** Says that a sidecar lives, and nothing else; not in a Cluster. */
  async sign(sidecar: string): Promise<void> {
    const { keys, inOneStep } = this.#options;
    await inOneStep([["hincrby", keys.rosterKeys[0], sidecar, 1]]);
  }

  /** Says that a sidecar lives or leaves, that others have died, and whether some are of an older form. */
  async beat(sidecar: string, { leaves, died, sawOlder }: Beat): Promise<Beats> {
    const { keys, run, onIgnored } = this.#options;
    const args = [sidecar, leaves ? 1 : 0, sawOlder ? olderForMs : 0, ...died];
    const reply = await run("beat", keys.rosterKeys, args);
    const [flat, older, taken] = reply as [string[], number, number];
    if (taken > 0) {
      const found = `${keys.rosterKeys[0]}: ${taken} fields`;
      onIgnored?.(ignored("sidecars", "sidecars that there cannot be, or too many", found));
    }
    const counts = new Map<string, string>();
    for (let at = 0; at < flat.length; at += 2) counts.set(flat[at] ?? "", flat[at + 1] ?? "");
    return { counts, older: older === 1 };
  }
}
