import { loadConfig, nameOfSetting } from "../config/load.ts";
import { notesOn } from "../config/notes.ts";
import { UsageError } from "../errors.ts";
import { configFile, configOptionHelp, readArguments } from "./arguments.ts";
import { explainRequests } from "./explain.ts";
import { type Command, exitCodes, print } from "./io.ts";

/** `revgate check-config`. */
export const checkConfig: Command = {
  help: `Usage: revgate check-config [--config FILE]
       revgate check-config --explain [--config FILE] [METHOD PATH]

Reads the configuration and every file it names, and reports all problems at once, each as

  FILE:LINE:COLUMN SETTING: what was expected, what was found

Exits 0 if the configuration is valid, 2 if it is not. Connects to nothing. Notes point out effects of a rule
that are easy to miss; revgate run logs them.

With --explain it answers for one request, or for each line "METHOD PATH" of standard input: which rule
decides, whether a token is needed, and what a 2xx of the application revokes.

Options:
${configOptionHelp}
      --explain       tell what applies to requests, instead of what is wrong`,

  async run(args, io) {
    const { values, positionals } = readArguments(args, { explain: { type: "boolean" } }, 2);
    const file = configFile(values, io);
    const config = await loadConfig(file, io.env);
    if (values.explain) {
      await explainRequests(config, positionals, io);
      return exitCodes.done;
    }
    if (positionals.length > 0) throw new UsageError("a method and a path go with --explain");
    const { settings } = config;
    const revoking = settings.routes.filter((route) => route.revoke !== undefined).length;
    const count = (access: string) =>
      settings.routes.filter((route) => route.access === access).length;
    print(
      io,
      `${file}: good. ${settings.routes.length} route rules (${count("public")} public, ${count("optional")} optional, ${revoking} revoking); everything else needs a token. ` +
        `Store: ${settings.denylist.redis === undefined ? "embedded" : "Redis"}.`,
    );
    for (const { path, message } of notesOn(settings)) {
      print(io, `${config.place(path)} ${nameOfSetting(path)}: note: ${message}`);
    }
    return exitCodes.done;
  },
};
