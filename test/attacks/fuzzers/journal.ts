import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Entry } from "../../../src/denylist/denylist.ts";
import { openEmbeddedDenylist } from "../../../src/denylist/embedded.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { cutoffFor, many, tokenOf } from "../../contract/denylist-suite.ts";
import { fc } from "../../helpers/fast-check.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import { type Fuzzer, tryEach } from "./fuzzer.ts";
import { hostileNumbers, hostileTexts, mutationsOf } from "./hostile.ts";

/** Longer than any fuzzer runs: those of the contract end after a quarter of an hour. */
const lasting = (entries: readonly Entry[]): Entry[] =>
  entries.map((entry) => ({ ...entry, expiresAt: entry.expiresAt + 86_400 }));

const known = lasting([...many("known", 4), cutoffFor("known", 1_700_000_000)]);
const [hash, soon] = [known[0]?.value ?? "", known[0]?.expiresAt ?? 0];

const word = fc.oneof(
  fc.constantFrom("tok", "sub", "jti", hash, String(soon), "17", "A", "b3f0"),
  fc.constantFrom(...hostileNumbers, ...hostileTexts),
  fc.stringMatching(/^[\w-]{43}$/),
);
const verb = fc.constantFrom(
  "revoked",
  "shared",
  "acked",
  "known",
  "intent",
  "settled",
  "lifetime",
  "swept",
);
const lineOf = (text: string) =>
  `${crc32(Buffer.from(text, "utf8")).toString(16).padStart(8, "0")} ${text}\n`;

/** Moments of which most can be none: beyond what 32 bits hold they may come round to the past. */
const moment = fc.oneof(
  fc.constant(String(soon)),
  fc.constantFrom(...hostileNumbers, String(2 ** 32 + 1), "9999999999999999"),
  fc.integer({ min: 0, max: 2 ** 33 }).map(String),
);
/** An entry, most often one of those that are there, with times of which any may be wrong. */
const entryLine = fc
  .tuple(
    fc.constantFrom("revoked", "shared", "intent 17", "intent 9999999999999999", "acked"),
    fc.constantFrom(...known.map(({ kind, value }) => `${kind} ${value}`), `jti ${hash}`),
    fc.array(moment, { maxLength: 2 }),
  )
  .map(([first, name, times]) => lineOf([first, name, ...times].join(" ")));

/** A line with a right checksum: any version, or a feed that nobody checked, may have written it. */
const whole = fc.oneof(
  fc
    .tuple(verb, fc.array(word, { maxLength: 5 }))
    .map(([first, words]) => lineOf([first, ...words].join(" "))),
  entryLine,
);

type Change =
  | { readonly kind: "lines"; readonly lines: readonly string[]; readonly at: number }
  | { readonly kind: "bytes"; readonly bytes: Buffer };

/** What stands in a journal that a revgate has closed: a title, and a record a line. */
async function writtenJournal(dataDir: string): Promise<Buffer> {
  const denylist = await open(dataDir);
  await denylist.revoke(known);
  const intent = await denylist.intend(many("intended", 1));
  intent.drop();
  await denylist.close();
  return readFileSync(join(dataDir, "journal"));
}

const open = (dataDir: string) =>
  openEmbeddedDenylist({ dataDir, clock: systemClock, onUnknownOutcome: "revoke" });

function isLive(denylist: Awaited<ReturnType<typeof open>>, entry: Entry): boolean {
  return denylist.lookUp(tokenOf(entry, entry.cutoff)) === "live";
}

/** A journal is opened, or named as damaged; and what can be opened goes on being one. */
export const journalFuzzer: Fuzzer = {
  name: "journal",
  claim: "a journal is read or refused with its line, and never written so that it can't be read",
  short: { runs: 150, timeLimitMs: 100_000, atLeast: { opened: 20, refused: 5 } },

  async fuzz(t, options) {
    const dataDir = temporaryDirectory(t);
    const path = join(dataDir, "journal");
    const written = await writtenJournal(dataDir);
    const lines = written.toString("latin1").split("\n").slice(0, -1);
    const counts = { opened: 0, refused: 0 };
    const change: fc.Arbitrary<Change> = fc.oneof(
      fc.record({
        kind: fc.constant("lines"),
        lines: fc.array(whole, { minLength: 1, maxLength: 3 }),
        at: fc.integer({ min: 1, max: lines.length }),
      }),
      fc.record({ kind: fc.constant("bytes"), bytes: mutationsOf(fc.constant(written)) }),
    );

    await tryEach(change, options, async (made) => {
      writeFileSync(path, bytesOf(made, lines));
      const first = await openOrRefuse(dataDir);
      counts[first === undefined ? "refused" : "opened"] += 1;
      if (first === undefined) return;
      // No line that was there before is of less account for those that stand beside it.
      await assertGoesOn(dataDir, first, made.kind === "lines" ? known : []);
    });
    return counts;
  },
};

/** What was opened takes more, an intent too, is compacted, and opened again. */
async function assertGoesOn(
  dataDir: string,
  first: Awaited<ReturnType<typeof open>>,
  dead: readonly Entry[],
): Promise<void> {
  const more = lasting([...many("more", 1), ...many("intended later", 1)]);
  for (const entry of dead) assert.ok(!isLive(first, entry));
  await first.revoke(more.slice(0, 1));
  // Its outcome stays unknown: it counts when the journal is opened again.
  await first.intend(more.slice(1));
  await first.journal.compact();
  await first.close();
  const again = await open(dataDir);
  for (const entry of [...dead, ...more]) assert.ok(!isLive(again, entry));
  await again.close();
}

function bytesOf(change: Change, lines: readonly string[]): Buffer {
  if (change.kind === "bytes") return change.bytes;
  const own = lines.map((line) => Buffer.from(`${line}\n`, "latin1"));
  const more = change.lines.map((line) => Buffer.from(line, "utf8"));
  return Buffer.concat([...own.slice(0, change.at), ...more, ...own.slice(change.at)]);
}

/** Undefined if it was refused as damaged, with the place. */
async function openOrRefuse(dataDir: string) {
  try {
    return await open(dataDir);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    assert.equal(code, "journal_damaged", message);
    assert.match(message, /journal:\d+: /);
    return undefined;
  }
}
