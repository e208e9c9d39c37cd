import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import { freePort } from "../helpers/ports.ts";
import { startProgram } from "../helpers/program.ts";
import type { Ending } from "../helpers/shared.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { directusFolder } from "./install-directus.ts";

/** The first user, who may do everything. */
export const admin = { email: "alice@example.com", password: "wonderland" };

/** A Directus on SQLite with WebSockets; resolves to its address. */
export async function startDirectus(t: Ending, secret: string): Promise<string> {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const env = {
    ...{ HOST: "127.0.0.1", PORT: String(port), PUBLIC_URL: "/" },
    ...{ SECRET: secret, KEY: secret, ADMIN_EMAIL: admin.email, ADMIN_PASSWORD: admin.password },
    ...{ DB_CLIENT: "sqlite3", DB_FILENAME: join(directory, "data.db") },
    ...{ STORAGE_LOCAL_ROOT: join(directory, "uploads"), WEBSOCKETS_ENABLED: "true" },
    ...{ EXTENSIONS_PATH: join(directory, "extensions"), TELEMETRY: "false", LOG_STYLE: "raw" },
  };
  const program = join(directusFolder(), "node_modules/directus/cli.js");
  const run = promisify(execFile);
  await run(process.execPath, [program, "bootstrap"], {
    ...{ cwd: directory, env: { ...process.env, ...env } },
  });
  await startProgram(t, [process.execPath, program, "start"], env, /Server started at/);
  return `http://127.0.0.1:${port}`;
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** What is used of a client of the SDK. */
export interface DirectusClient {
  login(email: string, password: string): Promise<Tokens>;
  refresh(): Promise<Tokens>;
  logout(): Promise<void>;
  getToken(): Promise<string | null>;
  request<Output>(command: object): Promise<Output>;
  query(query: string, variables?: object, scope?: string): Promise<Record<string, never>>;
  connect(): Promise<unknown>;
  disconnect(): void;
  onWebSocket(event: "close", listener: (event: { readonly code: number }) => void): void;
  subscribe(collection: string, options: object): Promise<Subscription>;
}

interface Subscription {
  readonly subscription: AsyncGenerator<{ readonly event: string; readonly data: unknown }>;
}

const load = createRequire(join(directusFolder(), "package.json"));

/** Its parts for a client, and the commands that are used. */
interface Sdk {
  createDirectus(url: string, options: object): Unfinished;
  authentication(mode: "json", options: object): object;
  rest(): object;
  graphql(): object;
  realtime(options: object): object;
  createCollection(collection: object): object;
  createItem(collection: string, item: object): object;
  uploadFiles(form: FormData): object;
  readAssetArrayBuffer(id: string): object;
  updateMe(changes: object): object;
}
interface Unfinished extends DirectusClient {
  with(part: object): Unfinished;
}

/** Loads its SDK from where it is installed. */
export function loadSdk(): Sdk {
  return load("@directus/sdk") as Sdk;
}

/** A client that keeps the tokens of a login, and has a WebSocket. */
export function connectDirectus(t: Ending, url: string): DirectusClient {
  const { createDirectus, authentication, rest, graphql, realtime } = loadSdk();
  const address = `${url.replace("http", "ws")}/websocket`;
  const client = createDirectus(url, { globals: { ...globalThis, fetch, URL, WebSocket } })
    .with(authentication("json", { autoRefresh: false }))
    .with(rest())
    .with(graphql())
    .with(realtime({ authMode: "handshake", url: address, reconnect: false }));
  t.after(() => client.disconnect());
  return client;
}

/** A WebSocket without the SDK. */
export function openSocket(t: Ending, url: string) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`);
  t.after(() => socket.terminate());
  const heard: string[] = [];
  socket.on("message", (data) => heard.push(String(data)));
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  return { socket, heard, closed };
}
