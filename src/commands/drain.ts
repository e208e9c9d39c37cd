import { setTimeout as sleep } from "node:timers/promises";
import { dataDirOf } from "../config/data-dir.ts";
import { loadConfig } from "../config/load.ts";
import { connectControl } from "../control/control-client.ts";
import type { StoreCommand } from "../control/store-command.ts";
import { ControlError, UsageError } from "../errors.ts";
import { configFile, configOptionHelp, readArguments } from "./arguments.ts";
import { type Command, exitCodes, print } from "./io.ts";
import { only } from "./only.ts";

const lookEveryMs = 200;

/** `revgate drain`. */
export const drain: Command = {
  help: `Usage: revgate drain [--config FILE] [--wait SECONDS]

From now on /readyz answers 503 and every response closes its connection. Requests that still arrive are
served, because load balancers notice later. Only a restart ends it. Meant for a preStop hook: a native
sidecar gets SIGTERM only after the application has ended.

Options:
${configOptionHelp}
      --wait SECONDS  return when no connection is left, or after this time at most (default: 0)`,

  async run(args, io) {
    const { values } = readArguments(args, { wait: { type: "string", default: "0" } }, 0);
    const waitMs = Number(values.wait) * 1000;
    if (!/^\d{1,5}$/.test(values.wait)) {
      throw new UsageError(`--wait: expected a number of seconds, got "${values.wait}"`);
    }
    const dataDir = dataDirOf(await loadConfig(configFile(values, io), io.env));
    const deadlineMs = performance.now() + waitMs;
    let connections = await begin(dataDir);
    while (connections > 0 && performance.now() < deadlineMs) {
      await sleep(lookEveryMs);
      connections = await begin(dataDir);
    }
    print(io, `draining; connections left: ${connections}`);
    return exitCodes.done;
  },
};

/** Begins, or finds that it has begun; resolves with how many connections are left. */
async function begin(dataDir: string): Promise<number> {
  const running = await connectControl(dataDir);
  if (running === undefined) throw new ControlError(`${dataDir}: no revgate is running on it`);
  const answer = await only(running.send({ command: "drain" } satisfies StoreCommand));
  return (answer as { readonly connections: number }).connections;
}
