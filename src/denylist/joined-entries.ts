import { endsAll, joinCuts } from "./cut.ts";
import type { Entry } from "./denylist.ts";

/** What two revocations of one name come to: of two expiries the later holds, and whatever one of them ends. */
export function joinEntries(one: Entry, other: Entry): Entry {
  const { sparing: _, ...rest } = other;
  return {
    ...rest,
    expiresAt: Math.max(one.expiresAt, other.expiresAt),
    ...(other.cutoff !== undefined && joinCuts(cutOf(one), cutOf(other))),
  };
}

/** Whether an entry says all that another one of its name says. */
export function says(one: Entry, other: Entry): boolean {
  return (
    Math.ceil(one.expiresAt) >= Math.ceil(other.expiresAt) && endsAll(cutOf(one), cutOf(other))
  );
}

/** The cut-off of an entry, in whole seconds; 0 if it has none. */
export function cutOf({ cutoff = 0, sparing }: Entry) {
  return { cutoff: Math.ceil(cutoff), sparing };
}
