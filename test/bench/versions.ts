import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../helpers/program.ts";
import { searchProgram } from "../tools/programs.ts";

const packages = [
  ...["undici", "http-proxy", "ioredis", "fastify", "@fastify/jwt", "@fastify/http-proxy"],
  ...["express", "express-jwt", "http-proxy-middleware"],
];
const programs = [
  ["redis-server", "--version"],
  ["nginx", "-v"],
  ["haproxy", "-v"],
  ["wrk", "-v"],
  ["h2load", "--version"],
  ["nghttpx", "--version"],
] as const;

/** What was measured, and by what, with its versions; programs that are not there are left out. */
export function listVersions(): string {
  return [...packages.map(versionOfPackage), ...programs.flatMap(versionOfProgram)].join(", ");
}

function versionOfPackage(name: string): string {
  const text = readFileSync(join(repository, "node_modules", name, "package.json"), "utf8");
  return `${name} ${(JSON.parse(text) as { version: string }).version}`;
}

function versionOfProgram([name, option]: (typeof programs)[number]): string[] {
  const program = searchProgram([name]);
  if (program === undefined) return [];
  const { stdout, stderr } = spawnSync(program, [option], { encoding: "utf8" });
  return [`${name} ${/\d+(?:\.\d+)+/.exec(stdout + stderr)?.[0] ?? "?"}`];
}
