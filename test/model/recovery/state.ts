import type { Has } from "../search.ts";

/** The rules without which a revocation is lost. */
export type RecoveryRule =
  /** R1: a recovered intent is in the outbox before it counts. */
  | "recovered intents are in the outbox"
  /** R1: a sidecar serves only if Redis has acknowledged what was not known to be shared. */
  | "delivered before it serves"
  /** R2: "Redis has it" is a record of an acknowledgement, never an inference. */
  | "shared is what was acknowledged"
  /** R12: before a commit counts, the open file is the one in the directory. */
  | "the journal is the file in the directory"
  /** R12: what restores Redis is what is known, not what the file happens to hold. */
  | "restores what it knows"
  /** R12: one process a directory; a paused holder is alive. */
  | "one writer"
  /** R14: a revoking request is judged again once its intent is on disk. */
  | "judged again behind the intent";

/** What may happen besides the logout. */
export interface RecoveryWorld {
  /** Whether Redis is configured from the beginning, or only from the next start on. */
  readonly redis: "always" | "later" | "never";
  readonly crashes: number;
  readonly compactions: number;
  readonly flushes: number;
  readonly removals: number;
  readonly secondProcess: boolean;
  readonly secondRequest: boolean;
}

interface Disk {
  intent: boolean;
  revoked: boolean;
  /** The epoch of Redis in which it was acknowledged, as the journal says; 0: in none. */
  sharedIn: number;
}

/** All of it. */
export interface State {
  request: "none" | "intended" | "done" | "recorded" | "answered" | "cut";
  application: boolean;
  second: "none" | "judged" | "intended" | "forwarded" | "forwarded late";
  up: boolean;
  knows: boolean;
  outbox: boolean;
  usesRedis: boolean;
  /** The file in the directory, and whether it is the one that the process has open. */
  disk: Disk;
  opened: boolean;
  /** Whether a commit went into a file that is not in the directory. */
  committedNowhere: boolean;
  redis: { has: boolean; epoch: number; settling: boolean };
  secondProcess: boolean;
  left: { crashes: number; compactions: number; flushes: number; removals: number };
}

/** Which rules are in force. */
export type Rules = Has<RecoveryRule>;

/** A file with nothing in it. */
export const emptyDisk = { intent: false, revoked: false, sharedIn: 0 };

/** Whether the sidecar takes requests. */
export function serves({ up, outbox, usesRedis }: State, has: Rules): boolean {
  return up && !(usesRedis && outbox && has("delivered before it serves"));
}

/** Writes to the journal; with the rule, to a file made anew if the directory lost it. */
export function commit(state: State, has: Rules, write: (disk: Disk) => void): void {
  if (!state.opened) {
    if (!has("the journal is the file in the directory")) {
      state.committedNowhere = true;
      return;
    }
    state.opened = true;
    const intent = state.request === "intended" || state.request === "done";
    state.disk = { intent, revoked: state.knows, sharedIn: 0 };
  }
  write(state.disk);
}
