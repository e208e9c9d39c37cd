/**
 * Installs the applications of `npm run test:apps`: the packages for Python with apt, those for Node at pinned versions
 * in a folder outside the repository, which `REVGATE_APPS` names, or in the user's cache. What is there stays.
 *
 * With `short`, those for Python that `npm run test:apps:short` needs, and nothing else.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { searchProgram } from "../tools/programs.ts";
import { installDirectus } from "./install-directus.ts";

/** Debian's own: flask-jwt-extended 4.4 with PyJWT 2.6 takes integers for identities. */
const pythonPackages = [
  ...["python3-flask", "python3-python-flask-jwt-extended", "gunicorn"],
  ...["python3-djangorestframework-simplejwt", "python3-grpcio"],
];
/** By the names of what they import. */
const pythonModules = [
  ...["flask", "flask_jwt_extended", "gunicorn", "rest_framework_simplejwt", "grpc"],
];
/** The Python that has them. */
export const appsPython = "/usr/bin/python3";

/** The parts of Feathers that its application and its clients are put together from. */
const feathers = Object.fromEntries(
  [
    ...["feathers", "koa", "socketio", "authentication", "authentication-local", "memory"],
    ...["authentication-client", "rest-client", "socketio-client"],
  ].map((name) => [`@feathersjs/${name}`, "5.0.50"]),
);

const manifest = JSON.stringify({
  private: true,
  dependencies: {
    ...feathers,
    graphql: "16.11.0",
    "graphql-ws": "6.0.6",
    "socket.io": "4.8.1",
    "socket.io-client": "4.8.1",
    verdaccio: "6.1.6",
    ws: "8.18.3",
  },
  // Verdaccio names it by a tag, which mirrors do not have.
  overrides: { "node-fetch": "2.6.7" },
});

/** Where the applications for Node are. */
export function appsFolder(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return process.env["REVGATE_APPS"] ?? join(cache, "revgate-apps");
}

function run(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): boolean {
  const stdio = ["ignore", "inherit", "inherit"] as const;
  const { status } = spawnSync(command, args, {
    stdio: [...stdio],
    env: { ...process.env, ...env },
  });
  return status === 0;
}

function hasModules(modules: readonly string[]): boolean {
  return spawnSync(appsPython, ["-c", `import ${modules}`], { stdio: "ignore" }).status === 0;
}

function installForPython(): void {
  if (hasModules(pythonModules)) return;
  const apt = searchProgram(["apt-get"]);
  const args = ["install", "-y", "-q", "--no-install-recommends", ...pythonPackages];
  if (apt !== undefined && process.getuid?.() === 0) {
    const env = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    run(apt, ["update", "-q"], env);
    run(apt, args, env);
  }
  if (hasModules(pythonModules)) return;
  throw new Error(`npm run test:apps needs: sudo apt-get ${args.join(" ")}`);
}

function installForNode(): void {
  const folder = appsFolder();
  const note = join(folder, "installed.txt");
  if (existsSync(note) && readFileSync(note, "utf8") === manifest) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), manifest);
  const args = ["install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"];
  if (!run("npm", args)) throw new Error(`npm ${args.join(" ")} failed`);
  writeFileSync(note, manifest);
}

if (process.argv[1]?.endsWith("install.ts") === true) {
  installForPython();
  if (!process.argv.includes("short")) {
    installForNode();
    installDirectus();
  }
}
