import { createRequire } from "node:module";
import { join } from "node:path";
import { repository, startProgram } from "../helpers/program.ts";
import type { Ending } from "../helpers/shared.ts";
import { appsFolder } from "./install.ts";

/** The application of the example; resolves to its address. */
export async function startFeathers(t: Ending, secret: string): Promise<string> {
  const { match } = await startProgram(
    t,
    [process.execPath, join(repository, "examples/feathers/app.cjs")],
    { JWT_SECRET: secret, PORT: "0", NODE_PATH: join(appsFolder(), "node_modules") },
    /listening on (http:\S+)/,
  );
  return match[1] ?? "";
}

/** What is used of one of its services. */
export interface Service {
  find(): Promise<readonly object[]>;
  create(data: object): Promise<object>;
  patch(id: number, data: object): Promise<object>;
  on(event: string, listener: (data: object) => void): void;
}

/** What is used of its client. */
export interface Client {
  authenticate(request: object): Promise<{ readonly accessToken: string }>;
  reAuthenticate(force: boolean): Promise<object>;
  logout(): Promise<object | null>;
  service(name: string): Service;
}

interface Socket {
  on(event: string, listener: (what: never) => void): void;
  disconnect(): void;
}

const load = createRequire(join(appsFolder(), "package.json"));
const { feathers } = load("@feathersjs/feathers") as {
  feathers: () => Client & { configure(part: object): void };
};
const { default: authentication, MemoryStorage } = load("@feathersjs/authentication-client") as {
  default: (options: object) => object;
  MemoryStorage: new () => object;
};
const rest = load("@feathersjs/rest-client") as (url: string) => { fetch(client: object): object };
const socketio = load("@feathersjs/socketio-client") as (socket: Socket) => object;
const { io } = load("socket.io-client") as { io: (url: string, options: object) => Socket };

/** Feathers' client over REST. */
export function connectByRest(url: string): Client {
  const client = feathers();
  client.configure(rest(url).fetch(fetch));
  client.configure(authentication({ storage: new MemoryStorage() }));
  return client;
}

/** The same over socket.io, with what became of its socket. */
export function connectBySocket(t: Ending, url: string) {
  const socket = io(url, { transports: ["websocket"], forceNew: true, reconnection: false });
  t.after(() => socket.disconnect());
  const seen: string[] = [];
  socket.on("connect", () => seen.push("connect"));
  socket.on("disconnect", () => seen.push("disconnect"));
  const client = feathers();
  client.configure(socketio(socket));
  client.configure(authentication({ storage: new MemoryStorage() }));
  return { client, seen };
}
