import { text } from "node:stream/consumers";
import { type Config, loadConfig } from "../config/load.ts";
import { namingOf } from "../config/name-keys.ts";
import type { Entry } from "../denylist/denylist.ts";
import { keptBeyondSeconds } from "../denylist/retention.ts";
import { latestSecond } from "../denylist/sound.ts";
import { type EpochSeconds, systemClock } from "../platform/clock.ts";
import { isNumericDate } from "../token/claim-checks.ts";
import { type CompactJws, parseCompactJws } from "../token/compact-jws.ts";
import { createNames, type Names } from "../token/names.ts";
import { configFile, configOptionHelp, readArguments, readTextFile } from "./arguments.ts";
import { type Command, complain, exitCodes, print } from "./io.ts";
import { only } from "./only.ts";
import { type AskStore, withStore } from "./with-store.ts";

/** How many skipped lines are named; the summary counts all. */
const maxNamed = 20;

const expired = "the token has expired";

/** What one line of a blacklist comes to. */
type Line =
  | { readonly kind: "token"; readonly signingInput: string; readonly expiresAt: EpochSeconds }
  | { readonly kind: "skipped"; readonly why: string }
  | { readonly kind: "blank" };

const options = { "dry-run": { type: "boolean", default: false } } as const;

/** `revgate import`. */
export const importTokens: Command = {
  help: `Usage: revgate import [--config FILE] [--dry-run] [FILE] < token_blacklist.txt

Reads lines with one token each, and revokes each token until its own exp. Everything else in the line is
ignored: a time or a date after it, the prefix of a Redis key before it, quotes, commas, tabs. Lines
without a token, with several, or with an expired one are counted, and the first are named by their
number; the rest are imported. Signatures are not checked: a token with a wrong one is refused anyway.

Works through the running revgate of the configuration's data directory; if none is running, the store is
opened directly. If Redis is configured and does not answer, nothing is imported.

Exits 0 if every line with a live token was imported, even if other lines were skipped.

Options:
  --dry-run           count what would be imported, and import nothing
${configOptionHelp}`,

  async run(args, io) {
    const { values, positionals } = readArguments(args, options, 1);
    const [file] = positionals;
    const source =
      file === undefined || file === "-" ? await text(io.stdin) : await readTextFile(file);
    const config = configFile(values, io);
    const dryRun = values["dry-run"];
    const read = dryRun
      ? readBlacklist(source, await loadConfig(config, io.env))
      : await withStore(config, io, async (ask, loaded) => {
          const read = readBlacklist(source, loaded);
          await add(read.entries, ask);
          return read;
        });
    for (const { number, why } of read.skipped.slice(0, maxNamed)) {
      complain(io, `line ${number}: ${why}`);
    }
    const unnamed = read.skipped.length - maxNamed;
    if (unnamed > 0) complain(io, `and ${unnamed} more lines`);
    print(io, `${dryRun ? "would import" : "imported"} ${summaryOf(read)}`);
    return exitCodes.done;
  },
};

/** How many are sent at once: requests are looked at in between. */
const entriesPerCommand = 1000;

async function add(entries: readonly Entry[], ask: AskStore): Promise<void> {
  for (let start = 0; start < entries.length; start += entriesPerCommand) {
    const batch = entries.slice(start, start + entriesPerCommand);
    await only(ask({ command: "add", entries: batch }));
  }
}

/** What was found in a blacklist. */
interface Blacklist {
  readonly tokens: number;
  readonly entries: readonly Entry[];
  readonly skipped: readonly { readonly number: number; readonly why: string }[];
}

function summaryOf({ tokens, skipped }: Blacklist): string {
  const old = skipped.filter(({ why }) => why === expired).length;
  const detail = skipped.length === 0 ? "" : ` (expired ${old}, other ${skipped.length - old})`;
  return `${tokens}, skipped ${skipped.length}${detail}`;
}

function readBlacklist(source: string, config: Config): Blacklist {
  const now = systemClock.nowSeconds();
  const names = createNames(namingOf(config));
  let tokens = 0;
  const entries: Entry[] = [];
  const skipped: { number: number; why: string }[] = [];
  for (const [index, line] of source.split(/\r?\n/).entries()) {
    const read = readLine(line, now);
    if (read.kind === "skipped") skipped.push({ number: index + 1, why: read.why });
    if (read.kind === "token") {
      tokens += 1;
      const until = Math.min(read.expiresAt + keptBeyondSeconds, latestSecond);
      entries.push(...entriesOf(read, until, names));
    }
  }
  return { tokens, entries, skipped };
}

function entriesOf(
  { signingInput }: Line & { kind: "token" },
  expiresAt: EpochSeconds,
  names: Names,
): Entry[] {
  const { value, former } = names.token(signingInput);
  return [value, ...former].map((each) => ({ kind: "tok", value: each, expiresAt }));
}

function readLine(line: string, now: number): Line {
  if (line.trim() === "") return { kind: "blank" };
  const [jws, ...more] = tokensIn(line);
  if (jws === undefined) return { kind: "skipped", why: "not a token" };
  if (more.length > 0) return { kind: "skipped", why: "more than one token" };
  const { exp } = jws.payload;
  if (typeof exp !== "number") return { kind: "skipped", why: "the token has no exp" };
  // No token with such an exp is let through; old applications took whatever they were sent onto their lists.
  if (!isNumericDate(exp)) return { kind: "skipped", why: "the token's exp is no date" };
  if (exp <= now) return { kind: "skipped", why: expired };
  return { kind: "token", signingInput: jws.signingInput, expiresAt: exp };
}

/**
 * Three parts with dots between them. Tried only where a part begins: from each of its characters, one long line
 * that is no token would take minutes.
 */
const threeParts = /(?<![\w-])[\w-]+\.[\w-]+\.[\w-]+/g;

/** The tokens in a text. A key's prefix may end in a character that base64url has, too: then the header tells where it begins. */
function tokensIn(line: string): CompactJws[] {
  const texts = line.match(threeParts) ?? [];
  return texts.flatMap((text) => {
    const start = text.indexOf("ey", 1);
    return (
      parseCompactJws(text) ?? (start > 0 ? parseCompactJws(text.slice(start)) : undefined) ?? []
    );
  });
}
