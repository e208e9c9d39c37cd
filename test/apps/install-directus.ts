import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** The last one for Node 20; its SDK is of the same time. */
const manifest = JSON.stringify({
  private: true,
  dependencies: { "@directus/sdk": "16.1.2", directus: "10.13.4", sqlite3: "5.1.7" },
});
/** What is compiled, or comes as a binary from where the package says. */
const native = ["sqlite3", "isolated-vm"];

/** Where Directus is: it has 1,300 packages, so a folder of its own, which `REVGATE_DIRECTUS` names. */
export function directusFolder(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return process.env["REVGATE_DIRECTUS"] ?? join(cache, "revgate-directus");
}

/** Installs Directus and its SDK with npm; what is there stays, and what was compiled before an interruption. */
export function installDirectus(): void {
  const folder = directusFolder();
  const note = join(folder, "installed.txt");
  if (existsSync(note) && readFileSync(note, "utf8") === manifest) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), manifest);
  const plain = ["--prefix", folder, "--no-audit", "--no-fund"];
  npm(["install", "--ignore-scripts", ...plain]);
  // Each by itself: on a busy machine one takes half an hour.
  for (const name of native) {
    if (!canLoad(folder, name)) npm(["rebuild", name, ...plain]);
  }
  writeFileSync(note, manifest);
}

function canLoad(folder: string, name: string): boolean {
  const { status } = spawnSync(process.execPath, ["-e", `require("${name}")`], {
    cwd: folder,
    stdio: "ignore",
  });
  return status === 0;
}

function npm(args: readonly string[]): void {
  const prefix = dirname(dirname(process.execPath));
  const hasHeaders = existsSync(join(prefix, "include/node/node.h"));
  const { status } = spawnSync("npm", args, {
    stdio: ["ignore", "inherit", "inherit"],
    // The headers of Node that are there need no download.
    env: { ...process.env, ...(hasHeaders && { npm_config_nodedir: prefix }) },
  });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed: it needs g++, make and python3`);
}
