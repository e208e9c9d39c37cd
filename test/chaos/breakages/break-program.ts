import assert from "node:assert/strict";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { repository } from "../../helpers/program.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import type { Change } from "./breakage.ts";
import { breakagesOfMany } from "./of-many.ts";
import { breakagesOfOne } from "./of-one.ts";

/** Ways to break a promise, each a change of a copy of the program; the program itself knows none of them. */
export const breakages = { ...breakagesOfOne, ...breakagesOfMany };

/** The name of one of them. */
export type BreakageName = keyof typeof breakages;

/** Makes a copy of the built program with these changes; returns the path of its cli.js. */
export function changeProgram(t: Pick<TestContext, "after">, changes: readonly Change[]): string {
  const directory = temporaryDirectory(t);
  cpSync(join(repository, "dist"), join(directory, "dist"), { recursive: true });
  cpSync(join(repository, "package.json"), join(directory, "package.json"));
  symlinkSync(join(repository, "node_modules"), join(directory, "node_modules"));
  for (const [file, text] of changedFiles(changes)) {
    writeFileSync(join(directory, "dist", file), text);
  }
  return join(directory, "dist/cli.js");
}

/** The files of the built program that have changes, as they are then. */
export function changedFiles(changes: readonly Change[]): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  for (const { file, from, to } of changes) {
    const text = changed.get(file) ?? readFileSync(join(repository, "dist", file), "utf8");
    assert.match(text, from, `${file} does not hold what is to become ${to}`);
    changed.set(file, text.replace(from, to));
  }
  return changed;
}
