import type { ChildProcess } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { CommandIo } from "../io.ts";
import { end, lineOf } from "./programs.ts";
import { findRedis, startRedis } from "./redis.ts";

/** A running revgate. */
export interface Sidecar {
  readonly url: string;
  readonly adminUrl: string;
  /** Kills it without warning and starts it again on the same ports and data. */
  killAndRestart(): Promise<void>;
}

/** An application and revgate in front of it: two sidecars that share a Redis, or one without. */
export interface DemoSetup {
  readonly applicationUrl: string;
  readonly redisUrl: string | undefined;
  readonly sidecars: readonly [Sidecar, ...Sidecar[]];
  close(): Promise<void>;
}

const exampleServer = fileURLToPath(new URL("../../../examples/node/server.js", import.meta.url));

const demoConfig = `listen:
  host: 127.0.0.1
  port: \${DEMO_PORT}
admin:
  host: 127.0.0.1
  port: \${DEMO_ADMIN_PORT}
upstream: { url: "\${DEMO_APPLICATION}" }
tokens: { keys: [{ publicKeyFile: public.pem }] }
routes:
  - { path: /login, methods: [POST], access: public }
  - { path: /reset-password, methods: [POST], access: public, revoke: token }
  - { path: /change-password, methods: [POST], revoke: subject }
  - { path: /logout, methods: [POST], revoke: token }
log: { requests: none }
`;

/** Makes keys and a configuration in a temporary directory and starts every program. */
export async function startDemo(io: CommandIo): Promise<DemoSetup> {
  const directory = await mkdtemp(join(tmpdir(), "revgate-demo-"));
  const children = new Set<ChildProcess>();
  let closing = false;
  const track = (child: ChildProcess) => {
    children.add(child);
    child.once("exit", () => children.delete(child));
    // Started by a step that was going on when Ctrl-C came.
    if (closing) child.kill("SIGKILL");
    return child;
  };
  async function close(): Promise<void> {
    closing = true;
    await Promise.all([...children].map((child) => end(child, "SIGTERM")));
    await rm(directory, { recursive: true, force: true });
  }

  try {
    const keyFiles = await writeKeys(directory);
    const redis = findRedis(io);
    const redisUrl =
      redis && (await startRedis((args) => track(io.spawnProgram(redis, args)), directory));
    const application = track(io.spawnNode(exampleServer, [], { ...keyFiles, PORT: "0" }));
    const [applicationUrl] = await lineOf(application, /http:\S+/);
    const start = (name: string) =>
      startSidecar(
        { directory: join(directory, name), keys: directory, applicationUrl, redisUrl },
        (args, env) => track(io.spawnNode(undefined, args, env)),
      );
    const [first, ...others] = await Promise.all([
      start("first"),
      ...(redisUrl === undefined ? [] : [start("second")]),
    ]);
    return { applicationUrl, redisUrl, sidecars: [first, ...others], close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Place {
  readonly directory: string;
  readonly keys: string;
  readonly applicationUrl: string;
  readonly redisUrl: string | undefined;
}

async function startSidecar(
  { directory, keys, applicationUrl, redisUrl }: Place,
  spawn: (args: readonly string[], env: NodeJS.ProcessEnv) => ChildProcess,
): Promise<Sidecar> {
  await mkdir(directory);
  const config = join(directory, "revgate.yaml");
  const redis = redisUrl === undefined ? "" : `, redis: { url: "${redisUrl}" }`;
  const text = demoConfig.replace("public.pem", `"${join(keys, "public.pem")}"`);
  await writeFile(config, `${text}denylist: { dataDir: data${redis} }\n`);
  const run = (ports: { readonly gate: string; readonly admin: string }) =>
    spawn(["run", "--config", config], {
      ...{ DEMO_APPLICATION: applicationUrl, DEMO_PORT: ports.gate, DEMO_ADMIN_PORT: ports.admin },
    });
  let child = run({ gate: "0", admin: "0" });
  const ports = await portsOf(child);
  const adminUrl = `http://127.0.0.1:${ports.admin}`;
  await untilReady(adminUrl);
  return {
    url: `http://127.0.0.1:${ports.gate}`,
    adminUrl,
    async killAndRestart() {
      await end(child, "SIGKILL");
      child = run(ports);
      await portsOf(child);
      await untilReady(adminUrl);
    },
  };
}

async function portsOf(child: ChildProcess) {
  const ports = /"address":\{[^}]*"port":(\d+)\},"adminAddress":\{[^}]*"port":(\d+)/;
  const [, gate = "", admin = ""] = await lineOf(child, ports);
  return { gate, admin };
}

/** Until it has loaded what Redis holds. */
async function untilReady(adminUrl: string): Promise<void> {
  const isReady = async () => (await fetch(`${adminUrl}/readyz`)).status === 200;
  while (!(await isReady())) await sleep(20);
}

async function writeKeys(directory: string): Promise<NodeJS.ProcessEnv> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const files = {
    PRIVATE_KEY_FILE: join(directory, "private.pem"),
    PUBLIC_KEY_FILE: join(directory, "public.pem"),
  };
  await writeFile(files.PRIVATE_KEY_FILE, privateKey.export({ type: "pkcs8", format: "pem" }));
  await writeFile(files.PUBLIC_KEY_FILE, publicKey.export({ type: "spki", format: "pem" }));
  return files;
}
