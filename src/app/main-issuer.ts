import { dataDirOf } from "../config/data-dir.ts";
import type { Config } from "../config/load.ts";
import { readMainIssuer, writeMainIssuer } from "../denylist/journal/main-issuer-file.ts";
import {
  formatMainIssuer,
  joinMainIssuers,
  labelOf,
  type MainIssuer,
  parseMainIssuer,
  settleMainIssuer,
  unclearReason,
} from "../denylist/main-issuer.ts";
import { ConfigError, NamesDifferError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import { describe } from "../observability/request-log.ts";

/** Whose claims have the names without an issuer: as the data directory, and Redis if there is one, have noted it. */
export interface KeptMainIssuer {
  readonly is: (issuer: string) => boolean;
  /** Throws ConfigError if it can't be known with another configuration. */
  check(config: Config): void;
  /** Goes by another configuration, which was checked, from now on. */
  configure(config: Config): void;
  /** Compares it with what Redis has noted; resolves to why that can't be used, or to undefined. */
  compare(
    exchange: (found: string, wanted: string) => Promise<string>,
  ): Promise<string | undefined>;
}

/** Who is told. */
export interface MainIssuerContext {
  readonly logger: Logger;
  /** Told when names are made in another way than before. */
  readonly onChange: () => void;
}

const unreadable =
  "redis's note of the main issuer (the key issuer) cannot be read: delete it if tokens.issuer is what it was when the store was new";

/**
 * Reads what the data directory has noted, and notes what the configuration adds to it. To be called by the holder of the
 * directory, before the journal is opened.
 *
 * Rejects with NamesDifferError if it can't be known whose revocations the journal has.
 */
export async function keepMainIssuer(
  config: Config,
  { logger, onChange }: MainIssuerContext,
): Promise<KeptMainIssuer> {
  const dataDir = dataDirOf(config);
  const noted = await readMainIssuer(dataDir);
  const labels = rememberLabels();
  let tokens = config.settings.tokens;
  const first = settleMainIssuer(noted, tokens);
  if (first === "unclear") throw new NamesDifferError(`${dataDir}: ${unclearReason(tokens)}`);
  let held: MainIssuer = first;
  let writing = Promise.resolve();

  function set(next: MainIssuer, before: MainIssuer | undefined): void {
    held = next;
    if (before !== undefined && formatMainIssuer(next) === formatMainIssuer(before)) return;
    writing = writing
      .then(() => writeMainIssuer(dataDir, next))
      .catch((error) =>
        logger.warn({ cause: describe(error) }, "the main issuer could not be recorded"),
      );
    if (before !== undefined && before.main !== next.main) onChange();
  }

  set(first, noted);
  await writing;
  return {
    is: (issuer) => held.main !== null && held.main === labels(issuer),
    check({ settings }) {
      if (settleMainIssuer(held, settings.tokens) !== "unclear") return;
      throw new ConfigError([`tokens.issuers: ${unclearReason(settings.tokens)}`]);
    },
    configure({ settings }) {
      tokens = settings.tokens;
      const next = settleMainIssuer(held, tokens);
      if (next !== "unclear") set(next, held);
    },
    async compare(exchange) {
      let found = await exchange("", formatMainIssuer(held));
      for (;;) {
        const there = parseMainIssuer(found);
        if (there === undefined) return unreadable;
        const next = settleMainIssuer(joinMainIssuers(there, held), tokens);
        if (next === "unclear") return unclearReason(tokens);
        const text = formatMainIssuer(next);
        if (text === formatMainIssuer(there)) {
          set(next, held);
          return undefined;
        }
        // Another sidecar may just have changed it: then that is looked at.
        found = await exchange(found, text);
      }
    },
  };
}

/** Only issuers of configurations are asked about: there are few. */
function rememberLabels(): (issuer: string) => string {
  const known = new Map<string, string>();
  return (issuer) => {
    const label = known.get(issuer) ?? labelOf(issuer);
    known.set(issuer, label);
    return label;
  };
}
