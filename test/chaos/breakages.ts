import assert from "node:assert/strict";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

/** One promise taken away: a text of the built program, and what it becomes. */
interface Change {
  readonly file: string;
  readonly from: RegExp;
  readonly to: string;
}

/** Ways to break a promise, each a change of a copy of the program; the program itself knows none of them. */
export const breakages = {
  /** A logout is answered as soon as Redis has it. */
  "no-hold": [
    {
      file: "denylist/shared-denylist.js",
      from: /await sleep\(epoch\.stalenessMs[^;]*;/,
      to: "",
    },
  ],
  /** A Redis that has lost its data is believed, and not filled again. */
  "no-epoch": [
    { file: "denylist/store-state.js", from: /epoch\.server !== server/, to: "false" },
    { file: "denylist/store-state.js", from: /graceMs !== -2/, to: "false" },
    {
      file: "denylist/shared-denylist.js",
      from: /this\.#courier\.restore\(replica\.keys\.entryShards\);/,
      to: "",
    },
  ],
  /** The journal is written some time after the answer. */
  "late-journal": [
    {
      file: "denylist/embedded-denylist.js",
      from: /await journal\.append\(live, settles\);/,
      to: "setTimeout(() => journal.append(live, settles).catch(() => {}), 400);",
    },
  ],
  /** Entries live for a fixed time instead of as long as the token. */
  "fixed-ttl": [
    {
      file: "gateway/revocation.js",
      from: /expiresAt: token\.expiresAt \+ clockToleranceSeconds/,
      to: "expiresAt: Date.now() / 1000 + 3",
    },
  ],
  /** What goes on under a token goes on without it. */
  "no-cut": [
    { file: "gateway/live-connections.js", from: /if \(fallsUnder\([^)]*\)\)/, to: "if (false)" },
  ],
  /** A subject's cut-off means whoever logs in until the next second, too. */
  "no-second": [
    { file: "gateway/hold.js", from: /if \(!\(leftMs > 0\)\)\s*return;/, to: "return;" },
  ],
  /** A session's end is told to nobody else. */
  "no-sessions": [
    {
      file: "denylist/denylist.js",
      from: /if \(sid !== undefined\)\s*names\.push[^;]*;/,
      to: "",
    },
    {
      file: "denylist/revocation-table.js",
      from: /if \(sid\.size > 0 &&[^)]*\)\)\s*return true;/,
      to: "",
    },
  ],
} satisfies Record<string, readonly Change[]>;

/** The name of one of them. */
export type Breakage = keyof typeof breakages;

/** Makes a copy of the built program that breaks a promise; returns the path of its cli.js. */
export function breakProgram(t: Pick<TestContext, "after">, breakage: Breakage): string {
  const directory = temporaryDirectory(t);
  cpSync(join(repository, "dist"), join(directory, "dist"), { recursive: true });
  cpSync(join(repository, "package.json"), join(directory, "package.json"));
  symlinkSync(join(repository, "node_modules"), join(directory, "node_modules"));
  for (const { file, from, to } of breakages[breakage]) {
    const path = join(directory, "dist", file);
    const text = readFileSync(path, "utf8");
    assert.match(text, from, `${file} does not hold what ${breakage} is to break`);
    writeFileSync(path, text.replace(from, to));
  }
  return join(directory, "dist/cli.js");
}
