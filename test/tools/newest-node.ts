import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./repository.ts";

/** The newest LTS, as the Dockerfile's base has it. */
const newestLts = 26;

const folder = join(repository, `node_modules/.cache/node-${newestLts}`);

/** The binary of the newest LTS; from the npm registry, where this process is another. */
export function newestNode(): string {
  if (process.versions.node.startsWith(`${newestLts}.`)) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const binary = `${folder}/node_modules/${name}/bin/node`;
  if (existsSync(binary)) return binary;
  const args = ["install", "--no-save", "--no-audit", "--prefix", folder, `${name}@${newestLts}`];
  const { status } = spawnSync("npm", args, { stdio: "inherit" });
  if (status !== 0) throw new Error(`no Node ${newestLts} to be had: npm ${args.join(" ")} failed`);
  return binary;
}
