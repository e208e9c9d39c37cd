import type { Violation } from "../checker.ts";
import type { Topology } from "../stores/store.ts";

/** A text of the built program, and what it becomes. */
export interface Change {
  readonly file: string;
  readonly from: RegExp;
  readonly to: string;
}

/** One promise taken away, and how that shows. */
export interface Breakage {
  readonly changes: readonly Change[];
  readonly topology: Topology;
  /** The faults that it takes; undefined: any, or none. */
  readonly only?: readonly string[];
  /** It shows in snapshots only. */
  readonly smallSnapshots?: true;
  /** Some things show only when all is over. */
  readonly shows?: "at the end";
  readonly violation: Violation["what"];
}
