import assert from "node:assert/strict";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { repository } from "../../helpers/program.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import type { Breakage } from "./breakage.ts";
import { breakagesOfMany } from "./of-many.ts";
import { breakagesOfOne } from "./of-one.ts";

/** Ways to break a promise, each a change of a copy of the program; the program itself knows none of them. */
export const breakages = { ...breakagesOfOne, ...breakagesOfMany };

/** The name of one of them. */
export type BreakageName = keyof typeof breakages;

/** Makes a copy of the built program that breaks a promise; returns the path of its cli.js. */
export function breakProgram(t: Pick<TestContext, "after">, name: BreakageName): string {
  const directory = temporaryDirectory(t);
  cpSync(join(repository, "dist"), join(directory, "dist"), { recursive: true });
  cpSync(join(repository, "package.json"), join(directory, "package.json"));
  symlinkSync(join(repository, "node_modules"), join(directory, "node_modules"));
  for (const [file, text] of brokenFiles(name)) writeFileSync(join(directory, "dist", file), text);
  return join(directory, "dist/cli.js");
}

/** The files of the built program that one of them changes, as they are then. */
export function brokenFiles(name: BreakageName): ReadonlyMap<string, string> {
  const { changes }: Breakage = breakages[name];
  const broken = new Map<string, string>();
  for (const { file, from, to } of changes) {
    const text = broken.get(file) ?? readFileSync(join(repository, "dist", file), "utf8");
    assert.match(text, from, `${file} does not hold what ${name} is to break`);
    broken.set(file, text.replace(from, to));
  }
  return broken;
}
