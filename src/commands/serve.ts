import { startApp } from "../app/app.ts";
import { type Config, loadConfig, nameOfSetting } from "../config/load.ts";
import { notesOn } from "../config/notes.ts";
import { credentialHeaders } from "../config/routes.ts";
import { ConfigWatch } from "../config/watch.ts";
import type { Observer } from "../gateway/observer.ts";
import { createLogger, type Logger } from "../observability/logger.ts";
import { openTracing } from "../observability/tracing.ts";
import { version } from "../version.ts";
import type { CommandIo } from "./io.ts";

/** How often the files of the configuration are looked at. */
const lookAtFilesMs = 1000;
/** How long the log's reader may take for its last lines. */
const flushLogMs = 1000;

/** What is served. */
export interface Serving {
  /** The file of the configuration. */
  readonly file: string;
  /** Changes each configuration that is read from it. */
  readonly adapt?: (config: Config) => Config;
  /** Makes revgate report only. */
  readonly observer?: Observer;
  /** Told when it serves. */
  readonly onServing?: (logger: Logger) => void;
}

/** Serves until the process is asked to end. */
export async function serve(
  { file, adapt = (config) => config, observer, onServing }: Serving,
  io: CommandIo,
): Promise<void> {
  const load = async () => adapt(await loadConfig(file, io.env));
  const config = await load();
  const output = io.openLog();
  const { level } = config.settings.log;
  const logger = createLogger(level, credentialHeaders(config.settings), output);
  warnOf(config, logger);

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
  const app = await startApp(config, { logger, version, tracing, output, observer });
  const { address, adminAddress, decisionsAddress } = app;
  logger.info(
    { address, adminAddress, decisionsAddress, upstream: config.settings.upstream.url.href },
    "serving",
  );
  onServing?.(logger);
  io.onUncaught(app.reportUncaught);
  current = app.config;
  reload = () => void app.reload(load);
  if (changed) reload();

  await terminated;
  watch.close();
  logger.info("stopping");
  await app.stop();
  await tracing?.close();
  logger.info("stopped");
  await output.close(flushLogMs);
}

function warnOf({ settings, place }: Config, logger: Logger): void {
  if (settings.routes.every((route) => route.revoke === undefined)) {
    logger.warn("no route has revoke: logging out will not end a token; see config.example.yaml");
  }
  for (const { path, message } of notesOn(settings)) {
    logger.warn({ setting: nameOfSetting(path), place: place(path) }, message);
  }
}
