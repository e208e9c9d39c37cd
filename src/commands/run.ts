import { configFile, configOptionHelp, readArguments } from "./arguments.ts";
import { type Command, exitCodes } from "./io.ts";
import { serve } from "./serve.ts";

/** `revgate run`. */
export const run: Command = {
  help: `Usage: revgate run [--config FILE]

Listens for clients (listen), checks every request and forwards it to the application (upstream).
Writes JSON lines to standard output. On SIGTERM and SIGINT it stops accepting connections, lets requests
in progress finish (limits.drainTimeout), and exits 0.

A change of the configuration, or of a file it names, takes effect within seconds, on SIGHUP at once, and
fails no request. An invalid one changes nothing: the log gives the reason, and /readyz and the metrics
report it. These change at a restart alone: listen.host, listen.port, admin.host, admin.port, decisions.host,
decisions.port, limits.headerBytes, denylist, whether decisions.question is HTTP or gRPC, and whether there is
listen.tls or decisions.tls.

Spans of requests are exported over OTLP if OTEL_EXPORTER_OTLP_ENDPOINT, or another of OpenTelemetry's
standard variables, names an endpoint.

Options:
${configOptionHelp}

Try it without an application of your own: revgate demo`,

  async run(args, io) {
    const { values } = readArguments(args, {}, 0);
    await serve({ file: configFile(values, io) }, io);
    return exitCodes.done;
  },
};
