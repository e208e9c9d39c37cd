import type { EpochSeconds } from "../../platform/clock.ts";
import type { JournalOptions } from "./journal.ts";
import { isLive, type ReadRecord } from "./record.ts";

/** Follows a record that says something of an entry. */
export function replay(
  record: ReadRecord,
  { onEntry, onLeftOut, outbox, acknowledged }: JournalOptions,
  now: EpochSeconds,
): void {
  if (isLive(record, now)) onEntry(record.entry);
  else if (record.verb === "revoked" || record.verb === "shared") {
    onLeftOut?.(record.entry.expiresAt);
  }
  if (record.verb === "swept") onLeftOut?.(record.until);
  // Redis has what was shared, and what it acknowledged: the entry that was pending then.
  if (record.verb === "shared") acknowledged?.markShared(record.entry);
  const entry = record.verb === "acked" ? outbox?.get(record.name) : undefined;
  if (entry !== undefined) acknowledged?.markShared(entry);
}
