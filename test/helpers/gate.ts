import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningApp, startApp } from "../../src/app/app.ts";
import { type Config, loadConfig } from "../../src/config/load.ts";
import type { Observer } from "../../src/gateway/observer.ts";
import type { LogOutput } from "../../src/observability/log-output.ts";
import { createLogger } from "../../src/observability/logger.ts";
import type { Stopwatch } from "../../src/platform/clock.ts";
import { engineSetting } from "./engine.ts";
import { send } from "./http.ts";
import { untilNothingIsLeft } from "./left-over.ts";
import type { Ending } from "./shared.ts";
import { temporaryDirectory } from "./temporary.ts";
import { publicPem } from "./tokens.ts";
import { until } from "./until.ts";

/** The routes of the example applications. */
export const exampleRoutes = `
routes:
  - { path: /login, methods: [POST], access: public }
  - { path: /static/*, access: public }
  - { path: /reset-password, methods: [POST], access: public, revoke: token }
  - { path: /change-password, methods: [POST], revoke: token }
  - { path: /logout, methods: [POST], revoke: token }
`;

export interface TestGate extends RunningApp {
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  /** Everything logged so far, as text. */
  readonly logged: () => string;
  readonly directory: string;
}

export interface GateOptions {
  /** The application's address. */
  readonly upstream: string;
  /** Further YAML; `tokens:` replaces the standard group. */
  readonly yaml?: string;
  readonly directory?: string;
  readonly scheme?: "http" | "https";
  /** The clocks of its machine. */
  readonly stopwatch?: Stopwatch;
  /** Makes it report only. */
  readonly observer?: Observer;
  /** Where its log goes besides. */
  readonly output?: LogOutput;
  /** Fails the test if it holds something of a client at the end, when the test's own connections are closed. */
  readonly leavesNothing?: boolean;
}

/** Writes a configuration for a revgate on free ports, and loads it. */
export async function writeConfig(
  directory: string,
  yaml: string,
  upstream: string,
): Promise<Config> {
  writeFileSync(join(directory, "public.pem"), publicPem);
  const standard = {
    listen: "listen: { host: 127.0.0.1, port: 0 }",
    server: engineSetting,
    admin: "admin: { host: 127.0.0.1, port: 0 }",
    upstream: `upstream: { url: "${upstream}" }`,
    tokens: "tokens: { keys: [ { publicKeyFile: public.pem } ] }",
    routes: exampleRoutes,
    denylist: "denylist: { dataDir: data }",
    log: "log: { requests: all }",
  };
  const text = Object.entries(standard)
    .filter(([name]) => !new RegExp(`^${name}:`, "m").test(yaml))
    .map(([, value]) => value);
  const file = join(directory, "revgate.yaml");
  writeFileSync(file, [...text, yaml].join("\n"));
  return loadConfig(file, {});
}

/** Starts a revgate in this process, on free ports; it ends with the test. */
export async function startGate(t: Ending, options: GateOptions): Promise<TestGate> {
  const directory = options.directory ?? temporaryDirectory(t);
  const config = await writeConfig(directory, options.yaml ?? "", options.upstream);
  const lines: string[] = [];
  const { stopwatch, observer, output } = options;
  const write = (line: string) => {
    lines.push(line);
    output?.write(line);
  };
  const logger = createLogger("trace", ["token"], { write });
  const app = await startApp(config, { logger, version: "test", stopwatch, observer, output });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= app.stop();
    return stopped;
  };
  config.settings.limits.drainTimeout = 500;
  const adminUrl = `http://127.0.0.1:${app.adminAddress.port}`;
  t.after(async () => {
    const isLeft = options.leavesNothing === true && stopped === undefined;
    await (isLeft ? untilNothingIsLeft({ adminUrl }).finally(stop) : stop());
  });
  return {
    ...app,
    ...{ stop, adminUrl },
    url: `${options.scheme ?? "http"}://127.0.0.1:${app.address.port}`,
    port: app.address.port,
    logged: () => lines.join(""),
    directory,
  };
}

/** Starts one by a file as it stands, but on free ports; it ends with the test, and waits for nobody then. */
export async function startByFile(
  t: Ending,
  file: string,
): Promise<Pick<TestGate, "url" | "adminUrl">> {
  const config = await loadConfig(file, {});
  config.settings.listen.port = 0;
  config.settings.admin.port = 0;
  const logger = createLogger("silent", [], { write: () => {} });
  const app = await startApp(config, { logger, version: "test" });
  t.after(() => app.stop());
  config.settings.limits.drainTimeout = 0;
  return {
    url: `http://127.0.0.1:${app.address.port}`,
    adminUrl: `http://127.0.0.1:${app.adminAddress.port}`,
  };
}

/** Waits until a revgate is ready, as whoever sends requests to it does. */
export async function untilReady({ adminUrl }: Pick<TestGate, "adminUrl">): Promise<void> {
  await until(async () => (await send(`${adminUrl}/readyz`)).status === 200);
}

/**
 * Waits until the journal has the note that every start writes, behind the start's back: a test that holds
 * syncs up from now on holds none but those that it causes.
 */
export async function untilStartIsNoted({ adminUrl }: Pick<TestGate, "adminUrl">): Promise<void> {
  const none = /^revgate_journal_sync_duration_seconds_count 0$/m;
  await until(async () => !none.test((await send(`${adminUrl}/metrics`)).text));
}
