import { rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Config } from "../config/load.ts";
import { UsageError } from "../errors.ts";
import { createObserver, type Observed } from "../gateway/observer.ts";
import { configFile, configOptionHelp, readArguments } from "./arguments.ts";
import { type Command, complain, exitCodes } from "./io.ts";
import { serve } from "./serve.ts";

const defaultOutput = "observed.json";
const writeEveryMs = 5000;

/** `revgate observe`. */
export const observe: Command = {
  help: `Usage: revgate observe [--config FILE] [--output FILE]

Serves as revgate run does, and refuses nothing: a request that would be refused is passed on, logged
("would be refused") and counted, by route. Use it for as long as it takes until every kind of request has
come: logins, logouts, password changes, visitors without a login. Tokens are found wherever they stand.
Then: revgate init --from ${defaultOutput}

Protects nothing: /metrics has revgate_observing 1, and an alert. What is revoked here ends nothing
elsewhere: the directory "observed" in denylist.dataDir is used, and no Redis. Requests that can be
read in more than one way (framing), or do not arrive whole, are still refused.

Options:
${configOptionHelp}
  --output FILE       where to write what was seen, every ${writeEveryMs / 1000} s (default: ${defaultOutput})`,

  async run(args, io) {
    const { values } = readArguments(args, { output: { type: "string" } }, 0);
    const file = configFile(values, io);
    const output = values.output ?? defaultOutput;
    const observer = createObserver();
    const fromIso = new Date().toISOString();
    let last = Promise.resolve();
    const write = () => {
      const seen = {
        observed: 1,
        from: fromIso,
        to: new Date().toISOString(),
        config: resolve(file),
      };
      const text = `${JSON.stringify({ ...seen, ...observer.observed() }, undefined, 2)}\n`;
      last = last.catch(() => {}).then(() => replace(output, text));
      return last;
    };
    await write().catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`${output} cannot be written (${error.code})`);
    });
    const timer = setInterval(() => {
      write().catch((error: Error) =>
        complain(io, `${output} cannot be written: ${error.message}`),
      );
    }, writeEveryMs).unref();
    await serve(
      {
        ...{ file, observer, adapt: apart },
        onServing: (logger) =>
          logger.warn(
            { output: resolve(output) },
            "observing: nothing is refused, and nothing is protected",
          ),
      },
      io,
    );
    clearInterval(timer);
    await write();
    complain(io, summaryOf(observer.observed(), output));
    return exitCodes.done;
  },
};

/** The same configuration with a store of its own: what is tried here must log no one out elsewhere. */
function apart(config: Config): Config {
  const { denylist } = config.settings;
  const dataDir = join(denylist.dataDir, "observed");
  const settings = { ...config.settings, denylist: { ...denylist, dataDir, redis: undefined } };
  return { ...config, settings };
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

function summaryOf({ requests, routes, leftOut }: Observed, output: string): string {
  const lines = routes.flatMap(({ method, path, wouldRefuse }) => {
    const reasons = Object.entries(wouldRefuse).map(([reason, count]) => `${reason} ${count}`);
    return reasons.length === 0 ? [] : [`  ${method} ${path}: ${reasons.join(", ")}`];
  });
  const would = lines.length === 0 ? "none would be refused" : "these would be refused:";
  const left =
    leftOut === 0 ? [] : [`${leftOut} requests are in no route: see revgate observe --help`];
  return [
    `${requests} requests, ${would}`,
    ...lines,
    ...left,
    `Next: revgate init --from ${output}`,
  ].join("\n");
}
