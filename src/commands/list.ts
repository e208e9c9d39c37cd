import type { Entry } from "../denylist/denylist.ts";
import { configFile, configOptionHelp, readArguments } from "./arguments.ts";
import { type Command, exitCodes, print } from "./io.ts";
import { withStore } from "./with-store.ts";

/** `revgate list`. */
export const list: Command = {
  help: `Usage: revgate list [--config FILE]

Prints a line for each revocation: what it names, and until when it is kept: some
minutes longer than the tokens that it ends can live.

  tok:mJ1sQ…  2026-11-26T10:00:00.000Z

The names are hashes: no token can be made from them. With Redis, what Redis holds is listed. What a claim names
(jti, sid, sub) has a line for each of its names: two while denylist.formerNames is on.

Options:
${configOptionHelp}`,

  async run(args, io) {
    const { values } = readArguments(args, {}, 0);
    await withStore(configFile(values, io), io, async (ask) => {
      const seen = new Set<string>();
      for await (const value of ask({ command: "list" })) {
        const { kind, value: name, expiresAt } = value as Entry;
        const line = `${kind}:${name}  ${new Date(expiresAt * 1000).toISOString()}`;
        if (!seen.has(line)) print(io, line);
        seen.add(line);
      }
    });
    return exitCodes.done;
  },
};
