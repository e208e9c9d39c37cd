import { startApp } from "../app.ts";
import { loadConfig } from "../config/load.ts";
import { credentialHeaders } from "../config/routes.ts";
import { createLogger } from "../observability/logger.ts";
import { version } from "../version.ts";
import { configFile, configOptionHelp, readArguments } from "./arguments.ts";
import { type Command, exitCodes } from "./io.ts";

/** `revgate run`. */
export const run: Command = {
  name: "run",
  summary: "serve: stand in front of the application",
  help: `Usage: revgate run [--config FILE]

Listens for clients (listen), checks every request and forwards it to the application (upstream).
Writes JSON lines to standard output. SIGTERM and SIGINT end it well: it stops accepting, lets what
is under way finish (limits.drainTimeout), and exits 0.

Options:
${configOptionHelp}

Try it without an application of your own: revgate demo`,

  async run(args, io) {
    const { values } = readArguments(args, {}, 0);
    const config = await loadConfig(configFile(values, io), io.env);
    const logger = createLogger(config.settings.log.level, credentialHeaders(config.settings));
    if (config.settings.routes.every((route) => route.revoke === undefined)) {
      logger.warn("no route has revoke: logging out will not end a token; see config.example.yaml");
    }

    // From here on: a signal that comes while it starts ends it well too.
    const terminated = io.waitForTermination();
    const app = await startApp(config, { logger, version });
    const { address, adminAddress } = app;
    logger.info(
      { address, adminAddress, upstream: config.settings.upstream.url.origin },
      "serving",
    );

    await terminated;
    logger.info("stopping");
    await app.stop();
    logger.info("stopped");
    return exitCodes.done;
  },
};
