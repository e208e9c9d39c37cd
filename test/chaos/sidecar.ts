import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Pool } from "undici";
import { exampleRoutes, writeConfig } from "../helpers/gate.ts";
import { freePort } from "../helpers/ports.ts";
import { type BuiltGate, repository, startBuiltGate } from "../helpers/program.ts";
import type { SteppingClock } from "../helpers/stepping-clock.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";

/** What is broken around a sidecar. */
export interface Faults {
  readonly network: "up" | "cut";
  readonly disk: "up" | "full" | "slow";
}

const noFaults: Faults = { network: "up", disk: "up" };
const remadeWithinMs = 10_000;
const secret = "the-secret-of-a-run-of-chaos";
const hook = join(repository, "test/chaos/hook.mjs");

/** What all sidecars of a run have in common. */
export interface SidecarOptions {
  /** The YAML of the group `denylist`. */
  readonly denylist: string;
  readonly application: string;
  /** The ports that a cut network cuts. */
  readonly ports: readonly number[];
  readonly program: string | undefined;
  readonly clock: SteppingClock;
}

/** The settings of tokens, as YAML has them. */
export interface TokenSettings {
  readonly clockTolerance: string;
  readonly maxLifetime: string;
}

const firstSettings: TokenSettings = { clockTolerance: "0s", maxLifetime: "30m" };

/** A built revgate in a process of its own, at an address that survives its restarts. */
export class Sidecar {
  readonly client: Pool;
  readonly port: number;
  readonly clock: SteppingClock;
  readonly #admin: Pool;
  readonly #t: Pick<TestContext, "after">;
  readonly #directory: string;
  readonly #options: SidecarOptions;
  #gate: BuiltGate | undefined;

  private constructor(
    t: Pick<TestContext, "after">,
    directory: string,
    options: SidecarOptions,
    [port, adminPort]: readonly [number, number],
  ) {
    this.#t = t;
    this.#directory = directory;
    this.#options = options;
    const timeouts = { headersTimeout: 20_000, bodyTimeout: 20_000, connections: 64 };
    this.port = port;
    this.clock = options.clock;
    this.client = new Pool(`http://127.0.0.1:${port}`, timeouts);
    this.#admin = new Pool(`http://127.0.0.1:${adminPort}`, timeouts);
    t.after(() => Promise.all([this.client.destroy(), this.#admin.destroy()]));
  }

  static async start(t: Pick<TestContext, "after">, options: SidecarOptions): Promise<Sidecar> {
    const directory = temporaryDirectory(t);
    const [port, adminPort] = [await freePort(), await freePort()];
    const yaml = [
      `listen: { host: 127.0.0.1, port: ${port} }`,
      `admin: { host: 127.0.0.1, port: ${adminPort}, tokenFile: secret, requestsPerSecond: 10000 }`,
      `denylist: { dataDir: data, ${options.denylist} }`,
      tokensLine(firstSettings),
      "log: { requests: none }",
      "limits: { drainTimeout: 500ms }",
      `${exampleRoutes}  - { path: /password, methods: [PUT], revoke: subject }
  - { path: /session, methods: [POST], revoke: session }
  - { path: /others, methods: [POST], revoke: others }
  - { path: /begin, methods: [POST], access: public, session: begins, only: { latest: 2 }, handsOut: [ { responseHeader: x-access }, { responseHeader: x-refresh } ] }`,
    ];
    writeFileSync(join(directory, "secret"), secret);
    await writeConfig(directory, yaml.join("\n"), options.application);
    const sidecar = new Sidecar(t, directory, options, [port, adminPort]);
    await sidecar.restart();
    return sidecar;
  }

  async restart(): Promise<void> {
    const env = {
      NODE_OPTIONS: `--import ${hook}`,
      CHAOS_PORTS: this.#options.ports.join(","),
      ...this.clock.env,
    };
    const config = this.#config;
    this.#gate = await startBuiltGate(this.#t, config, env, this.#options.program);
  }

  get #config(): string {
    return join(this.#directory, "revgate.yaml");
  }

  /** Changes the settings of tokens; resolves when they are in force. */
  async reconfigure(settings: TokenSettings): Promise<void> {
    const text = readFileSync(this.#config, "utf8");
    const before = await this.#reloads();
    writeFileSync(this.#config, text.replace(/^tokens:.*$/m, tokensLine(settings)));
    this.#gate?.child.kill("SIGHUP");
    await until(async () => (await this.#reloads()) > before);
  }

  /** How often it has taken another configuration; a connection that it has closed is made anew. */
  async #reloads(): Promise<number> {
    try {
      const { body } = await this.#admin.request({ path: "/metrics", method: "GET" });
      const [, count] = /reloads_total\{result="ok"\} (\d+)/.exec(await body.text()) ?? [];
      return Number(count);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "UND_ERR_SOCKET") throw error;
      return this.#reloads();
    }
  }

  /** Removes the journal's file under the running process; resolves when it has made another, or should have. */
  async loseJournal(): Promise<void> {
    const journal = join(this.#directory, "data", "journal");
    rmSync(journal, { force: true });
    const giveUpAtMs = performance.now() + remadeWithinMs;
    await until(async () => existsSync(journal) || performance.now() > giveUpAtMs);
  }

  /** Ends what a claim names, as somebody outside would; resolves to the status of the answer. */
  async end(whose: Readonly<Record<string, string>>): Promise<number> {
    const { statusCode, body } = await this.#admin.request({
      path: "/revocations",
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: JSON.stringify(whose),
    });
    await body.dump();
    return statusCode;
  }

  kill(): Promise<unknown> {
    return this.#gate?.end("SIGKILL") ?? Promise.resolve();
  }

  /** As in a rollout: what is in progress has half a second. */
  stop(): Promise<unknown> {
    return this.#gate?.end("SIGTERM") ?? Promise.resolve();
  }

  /** As a pod that is moved to another node: nothing of its data directory is left. */
  wipe(): void {
    rmSync(join(this.#directory, "data"), { recursive: true, force: true });
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#gate?.child.kill(signal);
  }

  /** Resolves when the faults are in force. */
  async suffer(faults: Partial<Faults>): Promise<void> {
    const child = this.#gate?.child;
    if (child === undefined) return;
    const inForce = once(child, "message");
    child.send({ ...noFaults, ...faults });
    await inForce;
  }

  /** Resolves when it is ready, or at that time (`performance.now()`). */
  async untilReady(giveUpAtMs: number): Promise<void> {
    await until(
      async () => performance.now() > giveUpAtMs || (await this.inTheWay()) === undefined,
    );
  }

  /** Why it is not ready; undefined if it is. */
  async inTheWay(): Promise<string | undefined> {
    try {
      const { statusCode, body } = await this.#admin.request({ path: "/readyz", method: "GET" });
      const text = await body.text();
      return statusCode === 200 ? undefined : text;
    } catch (error) {
      return String(error);
    }
  }
}

function tokensLine({ clockTolerance, maxLifetime }: TokenSettings): string {
  const keys = "[ { publicKeyFile: public.pem } ]";
  return `tokens: { keys: ${keys}, clockTolerance: ${clockTolerance}, maxLifetime: ${maxLifetime} }`;
}
