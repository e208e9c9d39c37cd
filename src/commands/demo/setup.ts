import type { ChildProcess } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { CommandIo } from "../io.ts";

/** An application and a revgate in front of it, both running. */
export interface DemoSetup {
  readonly applicationUrl: string;
  readonly gateUrl: string;
  readonly adminUrl: string;
  /** Kills revgate without warning and starts it again on the same ports and data. */
  killAndRestart(): Promise<void>;
  close(): Promise<void>;
}

const exampleServer = fileURLToPath(new URL("../../../examples/node/server.js", import.meta.url));

const demoConfig = `listen:
  host: 127.0.0.1
  port: \${DEMO_PORT}
admin:
  host: 127.0.0.1
  port: \${DEMO_ADMIN_PORT}
upstream:
  url: \${DEMO_APPLICATION}
tokens:
  keys: [{ publicKeyFile: public.pem }]
routes:
  - { path: /login, methods: [POST], access: public }
  - { path: /reset-password, methods: [POST], access: public, revoke: token }
  - { path: /change-password, methods: [POST], revoke: token }
  - { path: /logout, methods: [POST], revoke: token }
denylist: { dataDir: data }
log: { requests: none }
`;

/** Makes keys and a configuration in a temporary directory and starts both programs. */
export async function startDemo(io: CommandIo): Promise<DemoSetup> {
  const directory = await mkdtemp(join(tmpdir(), "revgate-demo-"));
  const children = new Set<ChildProcess>();
  const start = (file: string | undefined, args: readonly string[], env: NodeJS.ProcessEnv) => {
    const child = io.spawnNode(file, args, env);
    children.add(child);
    child.once("exit", () => children.delete(child));
    return child;
  };
  async function close(): Promise<void> {
    await Promise.all([...children].map((child) => end(child, "SIGTERM")));
    await rm(directory, { recursive: true, force: true });
  }

  try {
    const keyFiles = await writeKeys(directory);
    const application = start(exampleServer, [], { ...keyFiles, PORT: "0" });
    const [applicationUrl] = await lineOf(application, /http:\S+/);
    const config = join(directory, "revgate.yaml");
    await writeFile(config, demoConfig);
    const startRevgate = (ports: Ports) =>
      start(undefined, ["run", "--config", config], {
        DEMO_APPLICATION: applicationUrl,
        DEMO_PORT: ports.gate,
        DEMO_ADMIN_PORT: ports.admin,
      });

    let revgate = startRevgate({ gate: "0", admin: "0" });
    const ports = await portsOf(revgate);
    return {
      applicationUrl,
      gateUrl: `http://127.0.0.1:${ports.gate}`,
      adminUrl: `http://127.0.0.1:${ports.admin}`,
      async killAndRestart() {
        await end(revgate, "SIGKILL");
        revgate = startRevgate(ports);
        await portsOf(revgate);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Ports {
  readonly gate: string;
  readonly admin: string;
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

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

async function portsOf(revgate: ChildProcess): Promise<Ports> {
  const [, gate, admin] = await lineOf(
    revgate,
    /"address":\{[^}]*"port":(\d+)\},"adminAddress":\{[^}]*"port":(\d+)/,
  );
  return { gate: gate ?? "", admin: admin ?? "" };
}

/** Waits for a line of a program's output; rejects where it ends without one. */
async function lineOf(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray & [string]> {
  if (child.stdout === null) throw new Error("the program has no output to read");
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      const match = pattern.exec(line);
      if (match !== null) resolve(match as RegExpExecArray & [string]);
    });
    lines.on("close", () => reject(new Error("the program ended before it was ready")));
  });
}
