/**
 * Makes sure that everything the tests need is there, before any of them runs: finds it, installs it
 * with apt or npm where that may be done, or names the command to type and fails. With `ops`, also what the
 * tests of `npm run test:ops` need.
 */
import { spawnSync } from "node:child_process";
import { installKustomize, searchKustomize } from "./kustomize.ts";
import { neededForOps, neededPrograms, searchProgram } from "./programs.ts";
import { pythonPackages, searchPython } from "./python.ts";

const needed = process.argv.includes("ops") ? [...neededPrograms, ...neededForOps] : neededPrograms;

function missingPackages(): string[] {
  const missing = needed
    .filter(({ names }) => searchProgram(names) === undefined)
    .flatMap(({ packages }) => packages as readonly string[]);
  return searchPython() === undefined ? [...missing, ...pythonPackages] : missing;
}

function install(packages: readonly string[]): void {
  const apt = searchProgram(["apt-get"]);
  if (apt === undefined || process.getuid?.() !== 0) return;
  // Run level 1: the package's own server is not started, only its program is wanted.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const options = { stdio: "inherit", env } as const;
  spawnSync(apt, ["update", "-q"], options);
  spawnSync(apt, ["install", "-y", "-q", "--no-install-recommends", ...packages], options);
}

const missing = missingPackages();
if (missing.length > 0) install(missing);
if (searchKustomize() === undefined) installKustomize();
const still = missingPackages();
if (searchKustomize() === undefined) {
  process.stderr.write("The tests need kubectl 1.21 or later, or kustomize, on the PATH.\n");
  process.exitCode = 1;
}
if (still.length > 0) {
  process.stderr.write(
    `The tests need ${still.join(", ")}. Install them, for example:\n\n` +
      `  sudo apt-get install ${still.join(" ")}\n\n`,
  );
  process.exitCode = 1;
}
