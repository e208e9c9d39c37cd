import { startApp } from "../app/app.ts";
import { loadConfig, nameOfSetting } from "../config/load.ts";
import { notesOn } from "../config/notes.ts";
import { credentialHeaders } from "../config/routes.ts";
import { ConfigWatch } from "../config/watch.ts";
import { createLogger } from "../observability/logger.ts";
import { openTracing } from "../observability/tracing.ts";
import { version } from "../version.ts";
import { configFile, configOptionHelp, readArguments } from "./arguments.ts";
import { type Command, exitCodes } from "./io.ts";

/** How often the files of the configuration are looked at. */
const lookAtFilesMs = 1000;
/** How long the log's reader may take for its last lines. */
const flushLogMs = 1000;

/** `revgate run`. */
export const run: Command = {
  help: `Usage: revgate run [--config FILE]

Listens for clients (listen), checks every request and forwards it to the application (upstream).
Writes JSON lines to standard output. On SIGTERM and SIGINT it stops accepting connections, lets requests
in progress finish (limits.drainTimeout), and exits 0.

A change of the configuration, or of a file it names, takes effect within seconds, on SIGHUP at once, and
fails no request. An invalid one changes nothing: the log gives the reason, and /readyz and the metrics
report it. listen.host, listen.port, admin.host, admin.port, limits.headerBytes, denylist, and whether there is
listen.tls, stay what they are until a restart.

Spans of requests are exported over OTLP if OTEL_EXPORTER_OTLP_ENDPOINT, or another of OpenTelemetry's
standard variables, names an endpoint.

Options:
${configOptionHelp}

Try it without an application of your own: revgate demo`,

  async run(args, io) {
    const { values } = readArguments(args, {}, 0);
    const file = configFile(values, io);
    const config = await loadConfig(file, io.env);
    const output = io.openLog();
    const { level } = config.settings.log;
    const logger = createLogger(level, credentialHeaders(config.settings), output);
    if (config.settings.routes.every((route) => route.revoke === undefined)) {
      logger.warn("no route has revoke: logging out will not end a token; see config.example.yaml");
    }
    for (const { path, message } of notesOn(config.settings)) {
      logger.warn({ setting: nameOfSetting(path), place: config.place(path) }, message);
    }

    // From here on: a signal that comes while it starts ends it well too, and a change is not missed.
    const terminated = io.waitForTermination();
    let changed = false;
    let reload = () => {
      changed = true;
    };
    io.onReloadRequest(() => reload());
    let current = () => config;
    const watch = await ConfigWatch.start({
      files: () => current().sources,
      everyMs: lookAtFilesMs,
      onChange: () => reload(),
    });
    const tracing = await openTracing(io.env, { logger, version });
    const app = await startApp(config, { logger, version, tracing, output });
    const { address, adminAddress } = app;
    logger.info({ address, adminAddress, upstream: config.settings.upstream.url.href }, "serving");
    io.onUncaught(app.reportUncaught);
    current = app.config;
    reload = () => void app.reload(() => loadConfig(file, io.env));
    if (changed) reload();

    await terminated;
    watch.close();
    logger.info("stopping");
    await app.stop();
    await tracing?.close();
    logger.info("stopped");
    await output.close(flushLogMs);
    return exitCodes.done;
  },
};
