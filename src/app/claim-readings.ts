import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { dataDirOf } from "../config/data-dir.ts";
import type { Config } from "../config/load.ts";
import {
  type ClaimReadings,
  type ConfiguredReading,
  followReadings,
  formatReadings,
  parseReadings,
  readingsOf,
} from "../denylist/claim-readings.ts";
import { NamesDifferError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import { describe } from "../observability/request-log.ts";
import type { Clock } from "../platform/clock.ts";
import { replaceFile, unlessMissing } from "../platform/durable-file.ts";

/** Which claims the revocations in a store go by: as the data directory, and Redis if there is one, have noted it. */
export interface KeptReadings {
  readonly current: () => ClaimReadings;
  /** Goes by another configuration from now on. */
  configure(config: Config): void;
  /** Compares them with those that Redis has noted; resolves to why those can't be used, or to undefined. */
  compare(
    exchange: (found: string, wanted: string) => Promise<string>,
  ): Promise<string | undefined>;
}

/** Who is told, and whose time counts. */
export interface ReadingsContext {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Told when tokens are looked up by other claims than before. */
  readonly onChange: () => void;
}

const nameOfFile = "claims";

/**
 * Reads what the data directory has noted, and notes what the configuration adds to it; to be called by its holder.
 *
 * Rejects with NamesDifferError if something else stands there.
 */
export async function keepReadings(
  config: Config,
  { logger, clock, onChange }: ReadingsContext,
): Promise<KeptReadings> {
  const dataDir = dataDirOf(config);
  const noted = await readReadings(join(dataDir, nameOfFile));
  const own = readingsOf(configuredReadings(config));
  let held = noted === undefined ? own : followReadings(noted, own, clock.nowSeconds());
  let writing = Promise.resolve();
  let written = noted === undefined ? "" : formatReadings(noted);

  function note(): void {
    const next = formatReadings(held);
    if (next === written) return;
    written = next;
    writing = writing
      .then(() => replaceFile(dataDir, nameOfFile, `${next}\n`))
      .catch((error) =>
        logger.warn({ cause: describe(error) }, "the claims that are read could not be recorded"),
      );
  }

  function follow(other: ClaimReadings, now: ClaimReadings): void {
    const before = formatReadings(held);
    held = followReadings(other, now, clock.nowSeconds());
    note();
    if (before !== formatReadings(held)) onChange();
  }

  note();
  await writing;
  return {
    current: () => held,
    configure(next) {
      follow(held, readingsOf(configuredReadings(next)));
    },
    async compare(exchange) {
      let found = await exchange("", formatReadings(held));
      for (;;) {
        const there = parseReadings(found);
        if (there === undefined) return unreadable("redis's note of claims (the key claims)");
        follow(there, held);
        const wanted = formatReadings(held);
        if (found === wanted) return undefined;
        // Another sidecar may just have changed it: then that is looked at.
        const then = await exchange(found, wanted);
        if (then === found) return undefined;
        found = then;
      }
    },
  };
}

async function readReadings(path: string): Promise<ClaimReadings | undefined> {
  const text = await unlessMissing(readFile(path, "latin1"));
  if (text === undefined) return undefined;
  const noted = parseReadings(text.trimEnd());
  if (noted === undefined) throw new NamesDifferError(unreadable(path));
  return noted;
}

function unreadable(place: string): string {
  return `${place} cannot be read: by which claims subjects and sessions were revoked is unknown. Delete it if subjectClaim and sessionClaim have not changed for tokens.maxLifetime`;
}

function configuredReadings({ settings: { tokens } }: Config): ConfiguredReading[] {
  return [tokens, ...tokens.issuers].flatMap(({ issuer, keys, ...nearer }) =>
    [{}, ...keys].map(
      (key: { subjectClaim?: string | undefined; sessionClaim?: string | undefined }) => ({
        issuer,
        subjectClaim: key.subjectClaim ?? nearer.subjectClaim ?? tokens.subjectClaim,
        sessionClaim: key.sessionClaim ?? nearer.sessionClaim ?? tokens.sessionClaim,
      }),
    ),
  );
}
