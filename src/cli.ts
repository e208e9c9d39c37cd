#!/usr/bin/env node
import { spawn } from "node:child_process";
import { exitCodes } from "./commands/io.ts";
import { main } from "./commands/main.ts";
import { openLogOutput } from "./observability/log-output.ts";

/** Resolves at the first signal; at the second, its sender has waited long enough. */
function waitForTermination(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = () => {
      if (asked) process.exit(exitCodes.failed);
      asked = true;
      resolve();
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  // Made when it is first asked for: a log has standard output to itself.
  get stdout() {
    return process.stdout;
  },
  stderr: process.stderr,
  openLog: () => openLogOutput(1),
  waitForTermination,
  onReloadRequest: (listener) => void process.on("SIGHUP", listener),
  onUncaught: (listener) => void process.on("uncaughtException", listener),
  spawnNode: (file, args, env) =>
    spawn(process.execPath, [...process.execArgv, file ?? process.argv[1] ?? "", ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    }),
  spawnProgram: (path, args) => spawn(path, args, { stdio: ["ignore", "pipe", "inherit"] }),
});
