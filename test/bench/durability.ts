/** Revocations that an embedded store makes durable in a second, 64 at once, and what an fsync takes. Prints JSON. */
import { randomBytes } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import { systemClock } from "../../src/platform/clock.ts";

const forMs = 3000;
const directory = await mkdtemp(join(tmpdir(), "revgate-bench-"));

/** Appends and syncs, one after the other, as the journal does; resolves with the milliseconds of one. */
async function timeSync(): Promise<number> {
  const file = await open(join(directory, "synced"), "a");
  const line = "x".repeat(6400);
  let count = 0;
  const startedMs = performance.now();
  while (performance.now() - startedMs < forMs) {
    await file.write(line);
    await file.datasync();
    count += 1;
  }
  await file.close();
  return forMs / count;
}

const syncMs = await timeSync();
const denylist = await openEmbeddedDenylist({
  dataDir: join(directory, "data"),
  clock: systemClock,
  onUnknownOutcome: "revoke",
});
const expiresAt = systemClock.nowSeconds() + 100_000;
const untilMs = performance.now() + forMs;
let durable = 0;
await Promise.all(
  Array.from({ length: 64 }, async () => {
    while (performance.now() < untilMs) {
      const value = randomBytes(32).toString("base64url");
      await denylist.revoke([{ kind: "tok", value, expiresAt }]);
      durable += 1;
    }
  }),
);
const perSecond = durable / (forMs / 1000);
await denylist.close();
await rm(directory, { recursive: true });
process.stdout.write(JSON.stringify({ syncMs, perSecond, perSync: (perSecond * syncMs) / 1000 }));
