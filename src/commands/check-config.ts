import { loadConfig } from "../config/load.ts";
import { configFile, configOptionHelp, readArguments } from "./arguments.ts";
import { type Command, exitCodes, print } from "./io.ts";

/** `revgate check-config`. */
export const checkConfig: Command = {
  name: "check-config",
  summary: "say everything that is wrong with a configuration, and where",
  help: `Usage: revgate check-config [--config FILE]

Reads the configuration and every file it names, and reports all problems at once, each as

  FILE:LINE:COLUMN SETTING: what was expected, what was found

Exits 0 where the configuration can be used, 2 where it can't. Connects to nothing.

Options:
${configOptionHelp}`,

  async run(args, io) {
    const { values } = readArguments(args, {}, 0);
    const file = configFile(values, io);
    const { settings } = await loadConfig(file, io.env);
    const revoking = settings.routes.filter((route) => route.revoke !== undefined).length;
    const open = settings.routes.filter((route) => route.access === "public").length;
    print(
      io,
      `${file}: good. ${settings.routes.length} route rules (${open} public, ${revoking} revoking); everything else needs a token. ` +
        `Store: ${settings.denylist.redis === undefined ? "embedded" : "Redis"}.`,
    );
    return exitCodes.done;
  },
};
