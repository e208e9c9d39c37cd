import { text } from "node:stream/consumers";
import type { Config } from "../config/load.ts";
import { namingOf } from "../config/name-keys.ts";
import type { Entry } from "../denylist/denylist.ts";
import { keptBeyondSeconds } from "../denylist/retention.ts";
import { type EpochSeconds, systemClock } from "../platform/clock.ts";
import { parseCompactJws } from "../token/compact-jws.ts";
import { createNames, type Names } from "../token/names.ts";
import { configFile, configOptionHelp, readArguments, readTextFile } from "./arguments.ts";
import { type Command, complain, exitCodes, print } from "./io.ts";
import { only, withStore } from "./with-store.ts";

const entriesPerCommand = 1000;

/** What one line of a blacklist comes to. */
type Line =
  | { readonly kind: "token"; readonly signingInput: string; readonly expiresAt: EpochSeconds }
  | { readonly kind: "skipped"; readonly why: string }
  | { readonly kind: "blank" };

/** `revgate import`. */
export const importTokens: Command = {
  name: "import",
  summary: "take over an existing blacklist file",
  help: `Usage: revgate import [--config FILE] [FILE] < token_blacklist.txt

Reads lines of the form

  TOKEN
  TOKEN UNIX-TIME

and revokes each token until its own exp; the time, if there is one, is not used. Lines that hold no
token, and tokens that have expired, are counted and named by their number; the rest comes in.
Signatures are not checked: a token with a wrong one is refused with or without an entry.

Exits 0 when every line with a live token came in, even if there were others.

Options:
${configOptionHelp}`,

  async run(args, io) {
    const { values, positionals } = readArguments(args, {}, 1);
    const [file] = positionals;
    const source =
      file === undefined || file === "-" ? await text(io.stdin) : await readTextFile(file);

    return withStore(configFile(values, io), io, async (ask, config) => {
      const { tokens, entries, skipped } = readBlacklist(source, config);
      for (let start = 0; start < entries.length; start += entriesPerCommand) {
        const batch = entries.slice(start, start + entriesPerCommand);
        await only(ask({ command: "add", entries: batch }));
      }
      for (const { number, why } of skipped) complain(io, `line ${number}: ${why}`);
      print(io, `imported ${tokens}, skipped ${skipped.length}`);
      return exitCodes.done;
    });
  },
};

function readBlacklist(source: string, config: Config) {
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
      entries.push(...entriesOf(read, read.expiresAt + keptBeyondSeconds, names));
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
  const [token, time, ...more] = line.trim().split(/\s+/);
  if (token === undefined || token === "") return { kind: "blank" };
  if (more.length > 0 || (time !== undefined && !/^\d+(?:\.\d+)?$/.test(time))) {
    return { kind: "skipped", why: "expected a token, or a token and a unix time" };
  }
  const jws = parseCompactJws(token);
  if (jws === undefined) return { kind: "skipped", why: "not a token" };
  const { exp } = jws.payload;
  if (typeof exp !== "number") return { kind: "skipped", why: "the token has no exp" };
  if (exp <= now) return { kind: "skipped", why: "the token has expired" };
  return { kind: "token", signingInput: jws.signingInput, expiresAt: exp };
}
