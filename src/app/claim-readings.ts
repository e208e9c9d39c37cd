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
import type { Logger } from "../observability/logger.ts";
import { describe } from "../observability/request-log.ts";
import type { Clock } from "../platform/clock.ts";
import { replaceFile, unlessMissing } from "../platform/durable-file.ts";

/** Which claims the revocations in a store go by: as the data directory, and Redis if there is one, have noted it. */
export interface KeptReadings {
  readonly current: () => ClaimReadings;
  /** Goes by another configuration from now on. */
  configure(config: Config): void;
  /** Compares them with those that Redis has noted; resolves to undefined, since all that was read before can be looked up. */
  compare(exchange: (found: string, wanted: string) => Promise<string>): Promise<undefined>;
}

/** Who is told, and whose time counts. */
export interface ReadingsContext {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Told when tokens are looked up by other claims than before. */
  readonly onChange: () => void;
}

const nameOfFile = "claims";

/** Reads what the data directory has noted, and notes what the configuration adds to it; to be called by its holder. */
export async function keepReadings(
  config: Config,
  { logger, clock, onChange }: ReadingsContext,
): Promise<KeptReadings> {
  const dataDir = dataDirOf(config);
  const text = await unlessMissing(readFile(join(dataDir, nameOfFile), "latin1"));
  const noted = text === undefined ? undefined : parseReadings(text.trimEnd());
  let own = readingsOf(configuredReadings(config));
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
      own = readingsOf(configuredReadings(next));
      follow(held, own);
    },
    async compare(exchange) {
      let found = await exchange("", formatReadings(held));
      for (;;) {
        const there = parseReadings(found);
        if (there !== undefined) follow(there, held);
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
